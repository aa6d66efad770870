"""Looking every hour finds no winners that are none; what is better is found all the same."""

import re
from collections.abc import Iterator, Mapping

import duckdb
import polars as pl
import pytest
from scipy import stats
from trials import looked_at

RUNS = 1_000


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def ask(connection: duckdb.DuckDBPyConnection, sql: str, counted: pl.DataFrame) -> pl.DataFrame:
    connection.register("counted", counted.to_arrow())
    return connection.execute(sql).pl()


def runs_with_a_winner(verdicts: pl.DataFrame, variant: str | None = None) -> int:
    """In how many runs there was one at any look."""
    won = verdicts.filter(pl.col("winner").is_not_null() if variant is None else pl.col("winner") == variant)
    return won["run"].n_unique()


def runs_in_which_two_differ(connection: duckdb.DuckDBPyConnection, compared: str, counted: pl.DataFrame) -> int:
    """In how many runs the sequence of any pair left out zero at any look."""
    differ = f"select count(distinct run) from ({compared}) where is_sampled and abs(difference) > margin"
    return int(ask(connection, differ, counted).item())


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("two variants", {"rates": [0.05, 0.05], "seed": 1}),
        ("rare conversions", {"rates": [0.01, 0.01], "seed": 2}),
        # as the shop's own experiments begin to be judged
        ("few people", {"rates": [0.08, 0.08], "seed": 10, "people": 5, "minimum_sample": 100}),
        ("four variants", {"rates": [0.1] * 4, "seed": 3, "looks": 100}),
        ("revenue", {"rates": [0.2, 0.2], "seed": 4, "looks": 100, "with_revenue": True}),
    ],
)
def test_of_a_thousand_experiments_without_a_difference_at_most_one_in_twenty_ever_has_a_winner(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], name: str, made: dict
) -> None:
    found = ask(connection, questions["verdicts"], looked_at(**made))
    assert found["run"].n_unique() == RUNS, name
    assert runs_with_a_winner(found) <= 0.05 * RUNS


def test_the_mutant_that_looks_hourly_at_a_test_for_one_look_is_caught(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    wide = re.compile(r"sqrt\(\((variance)\) \* .*? as margin")
    sql, changed = wide.subn("1.96 * sqrt(variance) as margin", questions["verdicts"], count=1)
    assert changed == 1
    found = ask(connection, sql, looked_at([0.05, 0.05], seed=1))
    assert runs_with_a_winner(found) > 0.2 * RUNS


def test_the_mutant_that_does_not_correct_for_many_pairs_is_caught(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    """Of five variants alike, some pair would seem to differ sooner or later."""
    compared, changed = re.subn(r"\s*where other_place = 1", "", questions["compared"])
    assert changed == 1
    wrong, changed = re.subn(r"0\.05 / greatest\(.*?, 1\) as alpha", "0.05 as alpha", compared, flags=re.DOTALL)
    assert changed == 1
    made = looked_at([0.1] * 5, seed=5, looks=60)
    assert runs_in_which_two_differ(connection, compared, made) <= 0.05 * RUNS
    assert runs_in_which_two_differ(connection, wrong, made) > 0.1 * RUNS


def test_a_true_difference_is_found_in_most_runs_and_the_wrong_one_never(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    found = ask(connection, questions["verdicts"], looked_at([0.05, 0.075], seed=6))
    assert runs_with_a_winner(found, "v2") > 0.9 * RUNS
    assert runs_with_a_winner(found, "v1") < 0.01 * RUNS


def test_there_is_no_winner_before_the_minimum_sample(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    made = looked_at([0.05, 0.5], seed=7, runs=100, looks=20, minimum_sample=250)
    found = ask(connection, questions["verdicts"], made).filter(pl.col("winner").is_not_null())
    # the tenth look is the first with 250 of each
    assert found["look"].min() == 9
    assert found["run"].n_unique() == 100


def test_the_sequence_holds_the_true_difference_at_every_look(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    made = looked_at([0.05, 0.07], seed=8)
    held = (
        ask(connection, questions["compared"], made)
        .filter(pl.col("is_sampled"))
        .group_by("run")
        .agg(((pl.col("difference") - 0.02).abs() <= pl.col("margin")).all().alias("held"))
    )
    assert held["held"].sum() >= 0.95 * RUNS


def test_the_p_agrees_with_the_sequence_and_never_comes_under_5_percent_by_chance_too_often(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    found = ask(connection, questions["compared"], looked_at([0.05, 0.05], seed=9))
    excludes = found["difference"].abs() > found["margin"]
    assert ((found["p"] < 0.05) == excludes).all()
    low = found.filter(pl.col("is_sampled") & (pl.col("p") < 0.05))["run"].n_unique()
    assert low <= 0.05 * RUNS
    # a look for itself: the p of one look is greater than that of a test for one look
    z = found["difference"].abs() / found["variance"].sqrt()
    assert (found["p"].to_numpy() >= 2 * stats.norm.sf(z.to_numpy()) - 1e-12).all()


def test_of_two_that_are_best_alike_neither_wins(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    """Both beat the third, and not each other."""
    made = looked_at([0.05, 0.15, 0.15], seed=12, runs=300)
    assert runs_with_a_winner(ask(connection, questions["verdicts"], made)) <= 0.05 * 300
    beating = ask(connection, questions["compared"], made).filter(pl.col("look") == 199)
    assert (beating["difference"] > beating["margin"]).mean() > 0.95


@pytest.mark.parametrize("guard", ["unsubscribes", "complaints"])
def test_whom_people_unsubscribe_from_or_complain_of_cannot_win(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], guard: str
) -> None:
    made = looked_at([0.05, 0.09], seed=10, runs=200, **{guard: [0.002, 0.03]})
    found = ask(connection, questions["verdicts"], made)
    last = found.filter(pl.col("look") == 199)
    assert last["is_vetoed"].sum() > 0.95 * 200
    assert last.filter(pl.col("winner") == "v2").height == 0
    # the only one that is left
    assert last.filter(pl.col("is_vetoed") & (pl.col("winner") == "v1")).height == last["is_vetoed"].sum()


def test_guard_rails_stop_nobody_where_there_is_no_difference(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    made = looked_at([0.05, 0.05], seed=11, unsubscribes=[0.003, 0.003], complaints=[0.002, 0.002])
    found = ask(connection, questions["verdicts"], made)
    assert found.filter(pl.col("is_vetoed"))["run"].n_unique() <= 0.05 * RUNS
