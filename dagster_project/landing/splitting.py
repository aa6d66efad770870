"""SQL that splits landed rows by what the gate found: those that are set aside, and those that go on.

The rows are found by the queries that Great Expectations gave; they never leave DuckDB.
"""

from datetime import datetime

import duckdb

from activations.errors import HourbellError
from dagster_project.landing.quality import Outcome, Verdict
from dagster_project.landing.sources import quoted, quoted_text
from data.contract import LOADED_AT, WHOLE_LINE, Table, fault_of


def find_faults(connection: duckdb.DuckDBPyConnection, verdict: Verdict, *, is_whole: bool) -> None:
    """Make the temporary table `faults`: one row per row and expectation (its place in the verdict) not met.

    Where the files are all those that were judged, raises HourbellError if they are not the rows that were counted.
    """
    connection.execute(
        "create or replace temp table faults (landing_file varchar, landing_row bigint, expectation integer)"
    )
    for outcome in (*verdict.set_aside, *verdict.blanked):
        place = verdict.outcomes.index(outcome)
        connection.execute(
            f"insert into faults select landing_file, landing_row, {place} from ({outcome.query}) as found"
        )
        found = connection.execute("select count(*) from faults where expectation = ?", [place]).fetchall()[0][0]
        if is_whole and found != outcome.unexpected:
            raise HourbellError(
                f"{verdict.table.name}: the quality gate counted {outcome.unexpected} rows where "
                f"{outcome.expectation.reason}, and now there are {found}. A landed file was changed meanwhile; "
                "load it again from its source."
            )


def set_aside(connection: duckdb.DuckDBPyConnection, verdict: Verdict, at: datetime) -> None:
    """Write the rows that do not go on as they are into raw.quarantine, with all reasons in plain words.

    Makes the temporary table `quarantined`: their landing_file and landing_row. Needs `faults`.
    """
    places = {verdict.outcomes.index(outcome): outcome for outcome in verdict.set_aside}
    cases = " ".join(f"when {place} then {_reason(verdict.table, outcome)}" for place, outcome in places.items())
    whole_line = next((p for p, outcome in places.items() if outcome.expectation.unreadable == WHOLE_LINE), -1)
    # a line that cannot be read lacks everything else as well: that goes without saying
    connection.execute(
        "create or replace temp table quarantined as select landing_file, landing_row, coalesce("
        f"string_agg(why, '; ' order by expectation) filter (expectation = {whole_line}), "
        "string_agg(why, '; ' order by expectation)) as why "
        f"from (select landing_file, landing_row, expectation, {f'case expectation {cases} end' if cases else 'null'}"
        f"::varchar as why from faults join {verdict.view} using (landing_file, landing_row) "
        f"where expectation in ({', '.join(map(str, places)) or 'null'})) group by landing_file, landing_row"
    )
    if places:
        packed = ", ".join(f"{quoted(name)} := landed.{quoted(name)}" for name in verdict.table.landed_types)
        connection.execute(
            f"insert into raw.quarantine select {quoted_text(verdict.table.name)}, landing_file, landing_row, "
            f"{_noted(verdict)}, to_json(struct_pack({packed})), {timestamp(at)} "
            f"from {verdict.view} as landed join quarantined using (landing_file, landing_row) "
            f"left join ({salvaged(verdict)}) as salvaged using (landing_file, landing_row) "
            "order by landing_file, landing_row"
        )


def passing(verdict: Verdict) -> str:
    """SQL of the rows that go on: without the values that are blanked, and with what is salvaged of those set aside.

    Needs `faults` and `quarantined`.
    """
    rows = f"select * from {_blanked(verdict)} anti join quarantined using (landing_file, landing_row)"
    return f"{rows} union all by name {salvaged(verdict)}"


def salvaged(verdict: Verdict) -> str:
    """SQL of the rows that are set aside and go on all the same, as they go on. Needs `faults` and `quarantined`."""
    rows = f"select * from {_blanked(verdict)} semi join quarantined using (landing_file, landing_row)"
    salvage = verdict.table.salvage
    if salvage is None:
        return f"{rows} where false"
    replaced = ", ".join(f"{sql} as {quoted(column)}" for column, sql in salvage.values.items())
    return f"select * replace ({replaced}) from ({rows}) where {salvage.condition}"


def _noted(verdict: Verdict) -> str:
    """SQL of the reasons, and of what became of the row all the same."""
    if verdict.table.salvage is None:
        return "quarantined.why"
    note = quoted_text(f"; {verdict.table.salvage.note}")
    return f"concat(quarantined.why, case when salvaged.landing_row is not null then {note} end)"


def _blanked(verdict: Verdict) -> str:
    """SQL of all rows, without the values that are blanked."""
    by_column = _blanked_by_column(verdict)
    if not by_column:
        return verdict.view
    flags = ", ".join(
        f"bool_or(expectation in ({', '.join(map(str, places))})) as {quoted(column)}"
        for column, places in by_column.items()
    )
    replaced = ", ".join(
        f"case when not coalesce(blank.{quoted(column)}, false) then landed.{quoted(column)} end as {quoted(column)}"
        for column in by_column
    )
    return (
        f"(select landed.* replace ({replaced}) from {verdict.view} as landed left join "
        f"(select landing_file, landing_row, {flags} from faults group by all) as blank "
        "using (landing_file, landing_row)) as blanked"
    )


def blanked_values(verdict: Verdict) -> str:
    """SQL of `landing_file` and the number of its values that are blanked in rows that go on."""
    columns = " ".join(
        f"when expectation in ({', '.join(map(str, places))}) then {quoted_text(column)}"
        for column, places in _blanked_by_column(verdict).items()
    )
    named = f"case {columns} end" if columns else "null"
    return (
        f"select landing_file, count(*) as values_blanked from (select distinct landing_file, landing_row, {named} "
        "as column_name from faults anti join quarantined using (landing_file, landing_row)) "
        "where column_name is not null group by landing_file"
    )


def timestamp(moment: datetime) -> str:
    """A naive UTC time, as SQL."""
    return f"timestamp '{moment.isoformat(sep=' ')}'"


def _blanked_by_column(verdict: Verdict) -> dict[str, list[int]]:
    by_column: dict[str, list[int]] = {}
    for outcome in verdict.blanked:
        by_column.setdefault(str(outcome.expectation.blanks), []).append(verdict.outcomes.index(outcome))
    return by_column


def _reason(table: Table, outcome: Outcome) -> str:
    """SQL of the words for one fault of a row; what could not be read is shown."""
    expectation = outcome.expectation
    plain = quoted_text(expectation.reason)
    unreadable = expectation.unreadable
    if unreadable is None:
        return plain
    text = fault_of(unreadable)
    if unreadable == WHOLE_LINE:
        return f"{quoted_text(expectation.reason + ': ')} || {text}"
    kind = "timestamp" if unreadable == LOADED_AT else table.column(unreadable).type
    return f"coalesce({quoted_text(f'{unreadable} cannot be read as {kind}: ')} || {text}, {plain})"
