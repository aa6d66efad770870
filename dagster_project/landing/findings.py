"""What the gate on the way in found, counted by its reasons: told by the marts, without a row of it."""

from datetime import datetime

import duckdb

from dagster_project.landing.quality import Verdict
from dagster_project.landing.sources import quoted_text
from dagster_project.landing.splitting import salvaged, timestamp
from data.contract import WHOLE_LINE

_PERSON = ("user_id", "anonymous_id", "email", "phone")


def create_findings(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table of what was found, where it is not there; needs the schema `raw`."""
    connection.execute(
        "create table if not exists raw.gate_findings (table_name varchar, landing_file varchar, became varchar, "
        "reason varchar, currency varchar, rows_found bigint, rows_kept bigint, people bigint, worth decimal(18, 2), "
        "landed_at_tick timestamp)"
    )


def note_findings(connection: duckdb.DuckDBPyConnection, verdict: Verdict, at: datetime) -> None:
    """Count by file and reason what is set aside and what is blanked; needs `faults` and `quarantined`."""
    found = {verdict.outcomes.index(outcome): "set aside" for outcome in verdict.set_aside}
    found |= {verdict.outcomes.index(outcome): "blanked" for outcome in verdict.blanked}
    if not found:
        return
    reasons = {place: verdict.outcomes[place].expectation for place in found}
    became = " ".join(f"when {place} then {quoted_text(word)}" for place, word in found.items())
    reason = " ".join(f"when {place} then {quoted_text(stated.reason)}" for place, stated in reasons.items())
    whole_line = next((place for place, stated in reasons.items() if stated.unreadable == WHOLE_LINE), -1)
    columns = verdict.table.column_names
    named = ", ".join(f"landed.{column}" for column in _PERSON if column in columns)
    person = f"count(distinct coalesce({named}))" if named else "0"
    currency, worth = "null::varchar", "null"
    if {"total", "currency", "status"} <= set(columns):
        # nothing that was typed wrong gets into a report
        currency = "case when regexp_full_match(upper(landed.currency), '[A-Z]{3}') then upper(landed.currency) end"
        worth = "sum(try_cast(landed.total as decimal(18, 2))) filter (lower(landed.status) = 'placed')"
    connection.execute(
        "insert into raw.gate_findings with said as ("
        f"select landing_file, landing_row, case expectation {became} end as became, "
        f"case expectation {reason} end as reason, faults.expectation = {whole_line} as is_whole_line, "
        f"bool_or(faults.expectation = {whole_line}) over (partition by landing_file, landing_row) as is_unreadable, "
        "quarantined.landing_row is not null as is_set_aside "
        "from faults left join quarantined using (landing_file, landing_row)) "
        f"select {quoted_text(verdict.table.name)}, landing_file, became, said.reason, {currency}, count(*), "
        f"count(kept.landing_row), {person}, {worth}, {timestamp(at)} "
        f"from said join {verdict.view} as landed using (landing_file, landing_row) "
        f"left join (select landing_file, landing_row from ({salvaged(verdict)})) as kept "
        "using (landing_file, landing_row) "
        # of a line that cannot be read nothing else is told, nor what is blanked of a row that is set aside
        "where (is_whole_line or not is_unreadable) and (became = 'set aside' or not is_set_aside) "
        "group by all order by all"
    )


def note_address_findings(
    connection: duckdb.DuckDBPyConnection, verdict: Verdict, column: str, lost: str, at: datetime
) -> None:
    """Count addresses that are none; `lost` is SQL of `landing_file` and how many in it."""
    connection.execute(
        f"insert into raw.gate_findings select {quoted_text(verdict.table.name)}, landing_file, 'blanked', "
        f"{quoted_text(f'{column} is no address that can be written to')}, null, counted, 0, counted, null, "
        f"{timestamp(at)} from ({lost}) as lost (landing_file, counted) where counted > 0 order by all"
    )
