"""Every expectation of every contract can fail, and finds the rows that do not meet it and no others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import duckdb
import pytest
from landing_seeds import bad_row, bad_table, landed_file

from activations.errors import HourbellError
from dagster_project.landing.ingest import create_raw_tables, ingest
from dagster_project.landing.quality import QualityStop, Verdict, landed_rows, validate
from data.contract import WHOLE_LINE, Expectation, Table, contract, tables

TICK = datetime(2026, 3, 2)
GOOD_ROWS = 5
SHAPE = "table_columns_to_match_set"

ROW_LEVEL = [
    pytest.param(table, at, id=f"{table.name}: {expectation.reason}")
    for table in tables()
    for at, expectation in enumerate(table.expectations)
    if expectation.on_failure != "stop"
]
TABLE_LEVEL = [
    pytest.param(table, expectation, id=f"{table.name}: {expectation.reason}")
    for table in tables()
    for expectation in table.expectations
    if expectation.on_failure == "stop" and expectation.expect != SHAPE
]


@dataclass(frozen=True)
class Judged:
    """A file in which each row-level expectation has one row that does not meet it, and what was found."""

    verdict: Verdict
    seeded: Mapping[int, int]
    """Expectation to row; the first rows are good."""
    found: Mapping[int, frozenset[int]]
    """Expectation to the rows that were found."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Judged]:
    """Each table's file is judged once."""
    return cache(lambda name: _judge(contract(name), tmp_path_factory.mktemp(name)))


def _judge(table: Table, folder: Path) -> Judged:
    row_level = [at for at, stated in enumerate(table.expectations) if stated.on_failure != "stop"]
    seeded = {at: GOOD_ROWS + place for place, at in enumerate(row_level)}
    changes = {row: bad_row(table, table.expectations[at]) for at, row in seeded.items()}
    file = landed_file(folder, table, GOOD_ROWS + len(seeded), changes)
    verdict = validate(table, [file])
    with duckdb.connect() as connection:
        connection.execute(f"create view {verdict.view} as {landed_rows([file])}")
        found = {
            at: frozenset(row for _, row, *_ in connection.execute(outcome.query).fetchall())
            for at, outcome in enumerate(verdict.outcomes)
            if outcome.query
        }
    return Judged(verdict, seeded, found)


def is_whole_line(table: Table, at: int) -> bool:
    return table.expectations[at].unreadable == WHOLE_LINE


@pytest.mark.parametrize(("table", "at"), ROW_LEVEL)
def test_each_row_level_expectation_finds_its_row_and_no_other(
    judged: Callable[[str], Judged], table: Table, at: int
) -> None:
    result = judged(table.name)
    expectation = table.expectations[at]
    expected = {result.seeded[at]}
    if expectation.expect == "column_values_to_not_be_null" or expectation.reason.startswith("nobody is named"):
        # a line that cannot be read has no values at all
        expected |= {row for other, row in result.seeded.items() if is_whole_line(table, other)}
    assert result.found.get(at) == expected
    assert not result.verdict.outcomes[at].success
    assert result.verdict.outcomes[at].unexpected == len(expected)


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.name)
def test_rows_are_set_aside_with_the_reason_and_values_blanked(judged: Callable[[str], Judged], table: Table) -> None:
    result = judged(table.name)
    connection = duckdb.connect()
    create_raw_tables(connection)
    ingested = ingest(connection, result.verdict, None, TICK)

    set_aside = dict(
        connection.execute(
            "select landing_row, reason from raw.quarantine where table_name = ?", [table.name]
        ).fetchall()
    )
    blanked = 0
    for at, row in result.seeded.items():
        expectation = table.expectations[at]
        if expectation.on_failure == "quarantine":
            assert expectation.reason in set_aside[row] or "cannot be read as" in set_aside[row]
        else:
            blanked += 1
            (value,) = connection.execute(
                f"select {expectation.blanks} from raw.{table.name} where landing_row = ?", [row]
            ).fetchall()[0]
            assert value is None
    good = connection.execute(f"select count(*) from raw.{table.name} where landing_row < ?", [GOOD_ROWS]).fetchall()
    assert good == [(GOOD_ROWS,)]
    assert ingested.quarantined == len(set_aside) == len(result.seeded) - blanked
    assert ingested.rows == GOOD_ROWS + blanked
    assert ingested.blanked == blanked


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.name)
def test_good_rows_meet_everything(table: Table, tmp_path: Path) -> None:
    verdict = validate(table, [landed_file(tmp_path, table, GOOD_ROWS)])
    assert [outcome.expectation.reason for outcome in verdict.outcomes if not outcome.success] == []
    assert len(verdict.outcomes) == len(table.expectations)


@pytest.mark.parametrize(("table", "expectation"), TABLE_LEVEL)
def test_each_table_level_expectation_stops_the_tick(table: Table, expectation: Expectation, tmp_path: Path) -> None:
    rows, everywhere = bad_table(expectation)
    file = landed_file(tmp_path, table, rows, everywhere=everywhere)
    verdict = validate(table, [file])
    assert [outcome.expectation for outcome in verdict.stops] == [expectation]

    connection = duckdb.connect()
    create_raw_tables(connection)
    with pytest.raises(QualityStop) as stop:
        ingest(connection, verdict, None, TICK)
    for told in (table.name, expectation.expect, expectation.reason, expectation.mend, str(file), "observed"):
        assert told in str(stop.value)
    assert connection.execute(f"select count(*) from raw.{table.name}").fetchall() == [(0,)]


@pytest.mark.parametrize("name", ["orders", "outcomes"])
def test_a_share_is_not_judged_by_a_handful_of_rows(name: str, tmp_path: Path) -> None:
    table = contract(name)
    shares = [stated for stated in table.expectations if stated.from_rows]
    few = min(stated.from_rows for stated in shares) - 1
    everywhere = {column: sql for stated in shares for column, sql in bad_table(stated)[1].items()}
    verdict = validate(table, [landed_file(tmp_path, table, few, everywhere=everywhere)])
    assert verdict.passed


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.name)
def test_a_file_of_another_shape_stops_the_tick(table: Table, tmp_path: Path) -> None:
    target = tmp_path / table.name / f"{1:032x}.parquet"
    target.parent.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"copy (select 1 as surprise, now()::timestamp as loaded_at) to '{target}'")
    verdict = validate(table, [target])
    assert [outcome.expectation.expect for outcome in verdict.stops] == [SHAPE]
    assert "surprise" in verdict.stops[0].observed


def test_an_expectation_that_cannot_be_evaluated_is_an_error_and_no_failure(tmp_path: Path) -> None:
    table = contract("costs")
    broken = Expectation("rows_to_satisfy", "quarantine", "nonsense", {"condition": "no_such_column > 0"})
    with pytest.raises(HourbellError, match=r"nonsense.*could not be evaluated.*no_such_column"):
        validate(_with(table, broken), [landed_file(tmp_path, table, 3)])


@pytest.mark.parametrize(
    ("unmet", "told"),
    [
        ("false", ["unmet"]),
        ("null::boolean", []),
        ("landing_row <> 1", ["unmet"]),
        ("(true or true) and false", ["unmet"]),
    ],
)
def test_conditions_that_are_asked_at_once_are_told_apart(tmp_path: Path, unmet: str, told: list[str]) -> None:
    # one that is null lets a row through, and neither hides another nor is hidden by it
    stated = {"met": "true or landing_row < 0", "nothing to say": "null::boolean", "unmet": unmet, "met, too": "true"}
    table = contract("costs")
    for reason, condition in stated.items():
        table = _with(table, Expectation("rows_to_satisfy", "quarantine", reason, {"condition": condition}))
    verdict = validate(table, [landed_file(tmp_path, table, 3)])
    assert [outcome.expectation.reason for outcome in verdict.outcomes if not outcome.success] == told
    assert [outcome.expectation for outcome in verdict.outcomes] == list(table.expectations)


def test_an_unknown_expectation_is_named(tmp_path: Path) -> None:
    table = contract("costs")
    unknown = Expectation("columns_to_be_nice", "quarantine", "not nice")
    with pytest.raises(HourbellError, match="columns_to_be_nice"):
        validate(_with(table, unknown), [landed_file(tmp_path, table, 3)])


def test_arguments_that_an_expectation_does_not_take_are_named(tmp_path: Path) -> None:
    table = contract("costs")
    odd = Expectation("column_values_to_be_in_set", "quarantine", "odd", {"column": "kind", "values": ["tool"]})
    with pytest.raises(HourbellError, match=r"(?s)'odd'.*column_values_to_be_in_set.*values"):
        validate(_with(table, odd), [landed_file(tmp_path, table, 3)])


def _with(table: Table, expectation: Expectation) -> Table:
    return Table(
        table.name, table.description, table.grain, table.natural_key, table.columns, (*table.expectations, expectation)
    )
