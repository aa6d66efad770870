"""Looking every hour calls no workflow that adds nothing, and entering more often brings nobody more goals."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import duckdb
import numpy as np
import polars as pl
import pytest
from trials import LONGEST_STAY, holdouts_looked_at

RUNS = 1_000


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


NOTHING = {
    "one in twenty held out": {"rate": 0.1, "share": 0.05, "seed": 11},
    "half held out, rare goals": {"rate": 0.02, "share": 0.5, "seed": 12, "people": 40},
    "one in ten, all entered at once": {"rate": 0.1, "share": 0.1, "seed": 13, "at_once": True, "delay": 100.0},
    "nearly everybody converts": {"rate": 0.8, "share": 0.1, "seed": 14, "people": 10},
}


@pytest.mark.parametrize("made", NOTHING.values(), ids=NOTHING)
def test_of_a_thousand_workflows_that_add_nothing_at_most_one_in_twenty_is_ever_called(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], made: dict
) -> None:
    looked = holdouts_looked_at(**made)
    connection.register("counted", looked.to_arrow())
    connection.register("spent", looked.to_arrow())
    called: set[int] = set()
    for question in ("conversions", "revenues"):
        found = connection.execute(questions[question]).pl()
        assert found["run"].n_unique() == RUNS
        by_margin = found.filter("is_conclusive")
        called |= set(by_margin["run"])
        # by the margin as by the p
        assert by_margin.filter(pl.col("always_valid_p") >= 0.025).is_empty()
    assert len(called) <= 0.05 * RUNS


def test_the_intervals_for_one_look_would_call_many(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    connection.register("counted", holdouts_looked_at(**NOTHING["one in twenty held out"]).to_arrow())
    found = connection.execute(questions["conversions"]).pl().filter(pl.col("held_out_converted") > 5)
    leaves_out_zero = (pl.col("lift") - pl.col("lift_below") > 0) | (pl.col("lift") + pl.col("lift_above") < 0)
    assert found.filter(leaves_out_zero)["run"].n_unique() > 0.15 * RUNS


def test_what_truly_adds_is_called(connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]) -> None:
    looked = holdouts_looked_at(rate=0.1, share=0.2, seed=15, people=50)
    # of the treated half as many again
    more = looked.with_columns(treated_converted=(pl.col("treated_converted") * 1.5).round())
    connection.register("counted", more.to_arrow())
    called = connection.execute(questions["conversions"]).pl().filter("is_conclusive")
    assert called["run"].n_unique() > 0.95 * RUNS
    assert (called["lift"] > 0).all()


@pytest.mark.parametrize(("question", "counted"), [("conversions", "counted"), ("revenues", "spent")])
def test_a_difference_that_stays_is_called_when_it_was_said_that_it_would_be(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], question: str, counted: str
) -> None:
    looked = holdouts_looked_at(rate=0.1, share=0.2, seed=17, runs=300, looks=60)
    last = looked.filter(pl.col("look") == 59)
    # of a quarter of a million looks it would take long
    sql = questions[question].replace(" exclude (times_to_call)", "")
    connection.register(counted, last.to_arrow())
    found = connection.execute(sql).pl().filter(~pl.col("is_conclusive"))
    said = found.select("run", "times_to_call", "times_to_count").drop_nulls()
    assert said.height > 200
    assert (said["times_to_call"] >= said["times_to_count"]).all()
    assert said["times_to_call"].max() > 100 > 3 > said["times_to_call"].min()  # type: ignore[operator]

    def called(times: float) -> pl.Series:
        """Whether so much of what is known calls them, times what was said that it takes."""
        so_much = pl.col("times_to_call") * times
        figures = [name for name in last.columns if name not in ("run", "look", "holdout_share")]
        connection.register(
            counted, last.join(said, on="run").with_columns(pl.col(figures) * so_much).drop(said.columns[1:]).to_arrow()
        )
        return connection.execute(questions[question]).pl()["is_conclusive"]

    assert called(1.02).all()
    assert not called(0.98).any()


PEOPLE = 300
START = datetime(2026, 3, 2)
ADDED = 0.1


def re_entering(seed: int) -> tuple[pl.DataFrame, pl.DataFrame, float]:
    """Entries and goals of many workflows, and what each truly adds to the chance to reach the goal within twelve days.

    People order at a rate of their own for sixty days, and the treated some more. Those held out enter again and again;
    of the treated few do. An order is a goal of each enrollment that it falls into.
    """
    chance = np.random.default_rng(seed)
    everybody = RUNS * PEOPLE
    days = int(LONGEST_STAY.split()[0])
    treated = chance.random(everybody) < 0.6
    entered_at = chance.uniform(0, 5, everybody)
    rate = chance.gamma(2.0, 0.005, everybody)

    again = chance.poisson(np.where(treated, 0.3, 2.5))
    of_again = np.repeat(np.arange(everybody), again)
    person = np.concatenate([np.arange(everybody), of_again])
    at = np.concatenate([entered_at, entered_at[of_again] + chance.uniform(1, 50, len(of_again))])

    ordering = np.repeat(np.arange(everybody), chance.poisson(rate * 60))
    ordered_at = entered_at[ordering] + chance.uniform(0, 60, len(ordering))
    helped = np.flatnonzero(treated & (chance.random(everybody) < ADDED))
    ordering = np.concatenate([ordering, helped])
    ordered_at = np.concatenate([ordered_at, entered_at[helped] + chance.uniform(0, days, len(helped))])

    # the remainder of a number is whose it is
    numbers = person + everybody * np.concatenate([np.zeros(everybody, int), np.arange(1, len(of_again) + 1)])
    entries = pl.DataFrame({"contact_id": person, "days": at, "enrollment_id": numbers})
    orders = pl.DataFrame({"contact_id": ordering, "ordered": ordered_at, "order": np.arange(len(ordering))})
    goals = entries.join(orders, on="contact_id").filter(
        (pl.col("ordered") >= pl.col("days")) & (pl.col("ordered") < pl.col("days") + days)
    )
    workflow = pl.format("w{}", pl.col("contact_id") // PEOPLE).alias("workflow")
    moment = (pl.lit(START) + pl.duration(seconds=(pl.col("days") * 86_400).cast(pl.Int64))).cast(pl.Datetime("us"))
    arrivals = entries.select(
        workflow,
        "contact_id",
        "enrollment_id",
        pl.lit("entered").alias("step"),
        pl.Series("assignment", np.where(treated, "treated", "holdout")[person]),
        pl.lit(0.4).alias("holdout_share"),
        moment.alias("reached_at"),
    )
    exits = goals.select(
        workflow,
        "enrollment_id",
        pl.lit("converted").alias("reason"),
        pl.format("o{}", "order").alias("conversion_id"),
        pl.lit(10.0).alias("revenue"),
        (pl.lit(START) + pl.duration(seconds=(pl.col("ordered") * 86_400).cast(pl.Int64)))
        .cast(pl.Datetime("us"))
        .alias("exited_at"),
    )
    # whoever would not have ordered by themselves: gamma rates, so many days
    alone = 1 - (1 + 0.005 * days) ** -2.0
    return arrivals, exits, (1 - alone) * ADDED


def test_who_enters_again_has_no_more_time_to_reach_the_goal(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    arrivals, exits, truth = re_entering(seed=16)
    connection.execute("attach ':memory:' as hourbell; use hourbell")
    connection.execute(
        """
        create schema decisions; create schema contacts; create schema marts;
        create table contacts.contact_merges (contact_id bigint, into_contact_id bigint, merged_at timestamp);
        create table contacts.global_assignments (contact_id bigint, assignment varchar);
        create table marts.given_back (conversion_id varchar, amount decimal(18, 2));
        create table marts.ticks as select timestamp '2026-06-01' as tick_end;
        """
    )
    for table, rows in (("arrivals", arrivals), ("exits", exits)):
        connection.register("given", rows.to_arrow())
        connection.execute(f"create table decisions.{table} as from given")

    def covers(sql: str) -> float:
        found = connection.execute(sql).pl()
        assert found.height == RUNS
        return float(((found["conversion_lift_low"] <= truth) & (truth <= found["conversion_lift_high"])).mean())

    sql = questions["workflows"]
    assert 0.93 <= covers(sql) <= 0.97
    # as it was: what any of the enrollments has met with
    same, window = "exits.enrollment_id = everybody.enrollment_id", f"interval '{LONGEST_STAY}'"
    assert sql.count(same) == sql.count(window) == 1
    of_anybody = f"exits.enrollment_id % {RUNS * PEOPLE} = everybody.enrollment_id % {RUNS * PEOPLE}"
    assert covers(sql.replace(same, of_anybody).replace(window, "interval '100 days'")) < 0.5
