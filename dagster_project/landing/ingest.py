"""Take landed rows that passed the gate into the warehouse's raw layer, each file once."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from duckdb.func import FunctionNullHandling

from activations.errors import HourbellError
from dagster_project.landing.addresses import normal_email, normal_phone
from dagster_project.landing.findings import create_findings, note_address_findings, note_findings
from dagster_project.landing.quality import QualityStop, Verdict, landed_rows, validate
from dagster_project.landing.sources import quoted, quoted_text
from dagster_project.landing.splitting import blanked_values, find_faults, passing, set_aside, timestamp
from data.contract import Table, tables

LANDED_NAME = re.compile(r"[0-9a-f]{32}\.parquet$")
TEMPORARY = (
    ("view", "passing"),
    ("table", "faults"),
    ("table", "quarantined"),
    ("table", "emails"),
    ("table", "phones"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingested:
    """What was taken in of one table."""

    table: str
    files: int
    rows: int
    quarantined: int
    blanked: int
    """Values that were set to null, among the rows taken in."""


def create_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the raw layer where it is not there; nothing that exists is changed."""
    connection.execute("create schema if not exists raw")
    for table in tables():
        columns = ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns)
        connection.execute(
            f"create table if not exists raw.{table.name} ({columns}, loaded_at timestamp, effective_at timestamp, "
            "landing_file varchar, landing_row bigint)"
        )
    connection.execute(
        "create table if not exists raw.landed_files (table_name varchar, landing_file varchar, rows_landed bigint, "
        "rows_quarantined bigint, values_blanked bigint, landed_at_tick timestamp)"
    )
    connection.execute(
        "create table if not exists raw.quarantine (table_name varchar, landing_file varchar, landing_row bigint, "
        "reason varchar, row_json json, quarantined_at timestamp)"
    )
    create_findings(connection)


def most_landed(connection: duckdb.DuckDBPyConnection, tick_start: datetime) -> int:
    """How many rows a tick has taken in of the table of which it has taken in the most."""
    told = (
        "select max(landed) from (select sum(rows_landed) as landed from raw.landed_files where landed_at_tick = ? "
        "group by table_name)"
    )
    (rows,) = connection.execute(told, [tick_start]).fetchone() or (None,)
    return int(rows or 0)


def pending_files(connection: duckdb.DuckDBPyConnection, landing: Path) -> dict[str, list[Path]]:
    """Landed files that were not taken in yet, by table; tables without any are left out."""
    taken = set(connection.execute("select table_name, landing_file from raw.landed_files").fetchall())
    pending = {}
    for table in tables():
        found = sorted((landing / table.name).glob("*"))
        for stray in (file for file in found if not LANDED_NAME.match(file.name) and not file.name.startswith(".")):
            log.warning("%s was not landed by `hourbell load` and is left alone; load it, then remove it.", stray)
        files = [file for file in found if LANDED_NAME.match(file.name) and (table.name, file.name) not in taken]
        if files:
            pending[table.name] = files
    return pending


def gate(connection: duckdb.DuckDBPyConnection, landing: Path) -> list[Verdict]:
    """Judge all that has landed and was not taken in yet, one verdict a table. Raises HourbellError where a file
    cannot be judged; what stops a tick is in the verdicts."""
    return [validate(table, files) for table, files in pending_files(connection, landing).items()]


def land_all(
    connection: duckdb.DuckDBPyConnection, landing: Path, known_from: datetime | None, tick_start: datetime
) -> list[Ingested]:
    """Judge, then take in, all that has landed since; the raw tables are created where they are missing.

    Every table is judged before any is taken in: raises QualityStop, with nothing taken in, where one is not what its
    contract says. For `known_from` and `tick_start` see `ingest`.
    """
    create_raw_tables(connection)
    verdicts = gate(connection, landing)
    stopped = [verdict for verdict in verdicts if not verdict.passed]
    if stopped:
        raise QualityStop(stopped)
    return [ingest(connection, verdict, known_from, tick_start) for verdict in verdicts]


def ingest(
    connection: duckdb.DuckDBPyConnection, verdict: Verdict, known_from: datetime | None, tick_start: datetime
) -> Ingested:
    """Take in the files of one verdict, in one transaction; files that were taken in before are left out.

    Rows come in the order of `effective_at`. A row counts as known from `known_from` (the end of the last completed
    tick, naive UTC; None where there is none) at the earliest, so that nothing becomes known in a window that has
    closed. `tick_start` stamps the bookkeeping. Raises QualityStop for a verdict that did not pass, HourbellError
    where the warehouse refuses.
    """
    if not verdict.passed:
        raise QualityStop([verdict])
    table = verdict.table
    with _address_functions(connection):
        try:
            connection.begin()
            files = _not_taken(connection, verdict)
            if files:
                _take(connection, verdict, files, known_from, tick_start)
            _commit(connection, table, files)
        except duckdb.Error as error:
            _roll_back(connection)
            raise HourbellError(
                f"What landed of {table.name} cannot be taken into the warehouse: {error}. Nothing of it was taken in; "
                "see that the disk has room, then run the tick again."
            ) from error
        except BaseException:
            _roll_back(connection)
            raise
    return _account(connection, table, files)


def _take(
    connection: duckdb.DuckDBPyConnection,
    verdict: Verdict,
    files: Sequence[Path],
    known_from: datetime | None,
    tick_start: datetime,
) -> None:
    table, view = verdict.table, verdict.view
    connection.execute(f"create or replace temp view {view} as {landed_rows(files)}")
    find_faults(connection, verdict, is_whole=len(files) == len(verdict.files))
    set_aside(connection, verdict, tick_start)
    note_findings(connection, verdict, tick_start)
    connection.execute(f"create or replace temp view passing as {passing(verdict)}")
    addresses = _normalise(connection, table)
    values = {column.name: f"passing.{quoted(column.name)}" for column in table.columns}
    values |= {address.column: f"{address.column}s.address" for address in addresses}
    if "locale" in values:
        values["locale"] = "replace(passing.locale, '_', '-')"
    loaded_at = "loaded_at" if known_from is None else f"greatest(loaded_at, {timestamp(known_from)})"
    selected = ", ".join(f"{sql} as {quoted(name)}" for name, sql in values.items())
    connection.execute(
        f"insert into raw.{table.name} by name "
        f"select {selected}, {loaded_at} as loaded_at, greatest(occurred_at, {loaded_at}) as effective_at, "
        f"landing_file, landing_row from passing{''.join(address.join for address in addresses)} "
        "order by effective_at, occurred_at, landing_file, landing_row"
    )
    _note_files(connection, verdict, files, addresses, tick_start)
    for kind, name in [*TEMPORARY, ("view", view)]:
        connection.execute(f"drop {kind} if exists temp.{name}")


@dataclass(frozen=True)
class _Address:
    """A column of addresses, and the temporary table of them: given (and region), address."""

    column: str
    join: str
    """SQL that finds the normal form of a passing row's address."""


def _normalise(connection: duckdb.DuckDBPyConnection, table: Table) -> list[_Address]:
    """Bring each distinct address of the passing rows into its normal form, once."""
    found = []
    if "email" in table.column_names:
        connection.execute(
            "create or replace temp table emails as select given, hourbell_email(given) as address "
            "from (select distinct email as given from passing where email is not null)"
        )
        found.append(_Address("email", " left join emails on passing.email = emails.given"))
    if "phone" in table.column_names:
        region = "passing.country" if "country" in table.column_names else "null::varchar"
        connection.execute(
            "create or replace temp table phones as select given, region, hourbell_phone(given, region) as address "
            f"from (select distinct phone as given, {region} as region from passing where phone is not null)"
        )
        join = f" left join phones on passing.phone = phones.given and {region} is not distinct from phones.region"
        found.append(_Address("phone", join))
    return found


def _note_files(
    connection: duckdb.DuckDBPyConnection,
    verdict: Verdict,
    files: Sequence[Path],
    addresses: Sequence[_Address],
    tick_start: datetime,
) -> None:
    """Write down what became of each file, those without rows included."""
    lost = {
        address.column: f"select landing_file, count(*) from passing{address.join} "
        f"where passing.{address.column} is not null and {address.column}s.address is null group by landing_file"
        for address in addresses
    }
    for column, counted in lost.items():
        note_address_findings(connection, verdict, column, counted, tick_start)
    blanked = [blanked_values(verdict), *lost.values()]
    name = quoted_text(verdict.table.name)
    listed = ", ".join(quoted_text(file.name) for file in files)
    connection.execute(
        "insert into raw.landed_files "
        f"with rows as (select landing_file, count(*) as counted from passing group by landing_file), "
        "set_aside as (select landing_file, count(*) as counted from quarantined group by landing_file), "
        "blanked as (select landing_file, sum(values_blanked)::bigint as counted "
        f"from ({' union all '.join(blanked)}) group by landing_file) "
        f"select {name}, landing_file, coalesce(rows.counted, 0), coalesce(set_aside.counted, 0), "
        f"coalesce(blanked.counted, 0), {timestamp(tick_start)} from (select unnest([{listed}]) as landing_file) "
        "left join rows using (landing_file) left join set_aside using (landing_file) "
        "left join blanked using (landing_file) order by landing_file"
    )


def _not_taken(connection: duckdb.DuckDBPyConnection, verdict: Verdict) -> list[Path]:
    taken = _taken(connection, verdict.table)
    return [file for file in verdict.files if file.name not in taken]


def _taken(connection: duckdb.DuckDBPyConnection, table: Table) -> set[str]:
    rows = connection.execute("select landing_file from raw.landed_files where table_name = ?", [table.name]).fetchall()
    return {name for (name,) in rows}


def _commit(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    try:
        connection.commit()
    except duckdb.Error as error:
        # on a full disk the commit can have succeeded and only the checkpoint after it failed: look, do not assume
        _roll_back(connection)
        if not {file.name for file in files} <= _taken(connection, table):
            raise
        log.warning("%s was taken in, though its commit said: %s", table.name, error)


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.rollback()
    except duckdb.TransactionException:
        log.debug("There was no transaction to roll back.")


def _account(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> Ingested:
    rows, quarantined, blanked = connection.execute(
        "select coalesce(sum(rows_landed), 0)::bigint, coalesce(sum(rows_quarantined), 0)::bigint, "
        "coalesce(sum(values_blanked), 0)::bigint from raw.landed_files "
        "where table_name = ? and list_contains(?::varchar[], landing_file)",
        [table.name, [file.name for file in files]],
    ).fetchall()[0]
    return Ingested(table.name, len(files), rows, quarantined, blanked)


@contextmanager
def _address_functions(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Make the libraries' functions known to SQL, so that addresses stream through them."""
    connection.create_function(
        "hourbell_email", normal_email, ["VARCHAR"], "VARCHAR", null_handling=FunctionNullHandling.SPECIAL
    )
    connection.create_function(
        "hourbell_phone", normal_phone, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling=FunctionNullHandling.SPECIAL
    )
    try:
        yield
    finally:
        connection.remove_function("hourbell_email")
        connection.remove_function("hourbell_phone")
