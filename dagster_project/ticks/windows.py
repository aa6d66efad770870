"""Windows: which span of time a tick covers, and which one comes next."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from activations.errors import HourbellError

HOUR = timedelta(hours=1)
# what windows belong to: a workflow, or one of these
CONTACTS, DECISIONS, MARTS = "contacts", "decisions", "marts"


@dataclass(frozen=True)
class Window:
    """Half-open [start, end), naive UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise HourbellError(
                f"The window from {self.start} to {self.end} is empty or runs backwards. Give an end after the start."
            )

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M}"


def parse_time(text: str) -> datetime:
    """An ISO 8601 time, taken as UTC where it names no zone; naive UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise HourbellError(f"'{text}' is no time. Write it as 2026-03-01 or 2026-03-01T09:00.") from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def parse_size(text: str) -> timedelta:
    """A length of time such as 30m, 1h or 1d."""
    units = {"m": timedelta(minutes=1), "h": HOUR, "d": timedelta(days=1)}
    match = re.fullmatch(r"(\d+)([mhd])", text.strip())
    if not match or int(match[1]) == 0:
        raise HourbellError(f"'{text}' is no size of a tick. Write it as 30m, 1h or 1d.")
    return int(match[1]) * units[match[2]]


def split(span: Window, size: timedelta) -> Iterator[Window]:
    """The span in windows of one size; the last one is shorter where it does not come out even."""
    start = span.start
    while start < span.end:
        end = min(start + size, span.end)
        yield Window(start, end)
        start = end


def remembers_windows(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any tick has begun in this warehouse."""
    known = "select 1 from duckdb_tables() where schema_name = 'engine' and table_name = 'windows'"
    return bool(connection.execute(known).fetchall())


def last_completed(connection: duckdb.DuckDBPyConnection, scope: str = DECISIONS) -> datetime | None:
    """Up to where a scope has been completed."""
    if not remembers_windows(connection):
        return None
    rows = connection.execute(
        "select max(tick_end) from engine.windows where succeeded and scope = ?", [scope]
    ).fetchall()
    return rows[0][0]


def latest_end(connection: duckdb.DuckDBPyConnection) -> datetime:
    """When the last window ends of which anything is remembered; before all times where nothing is."""
    if not remembers_windows(connection):
        return datetime.min
    ((end,),) = connection.execute("select max(tick_end) from engine.windows").fetchall()
    return end or datetime.min


def record_completed(
    connection: duckdb.DuckDBPyConnection, scopes: Iterable[str], windows: Sequence[Window], *, are_new: bool = False
) -> None:
    """Remember that scopes have completed windows that follow each other, in place of what they had completed in them;
    there is nothing of that where they `are_new`."""
    named = list(scopes)
    if not are_new:
        connection.execute(
            "delete from engine.windows where list_contains(?, scope) and tick_end > ? and tick_end <= ?",
            [named, windows[0].start, windows[-1].end],
        )
    connection.execute(
        "insert into engine.windows select scope, unnest(?), unnest(?), true from (select unnest(?) as scope)",
        [[window.start for window in windows], [window.end for window in windows], named],
    )


def next_window(last_end: datetime | None, now: datetime, size: timedelta = HOUR) -> Window | None:
    """From the last completed tick to the last full hour (or other size): one window, however long the outage was.

    None where nothing is due yet. The first window of all is the last full one.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + (now - midnight) // size * size
    start = last_end if last_end is not None else end - size
    return Window(start, end) if start < end else None


def history_before(connection: duckdb.DuckDBPyConnection, window: Window) -> Window | None:
    """What landed before the first tick: it is learnt in one go, and enrolls nobody."""
    if last_completed(connection, CONTACTS) is not None:
        return None
    earliest: list[datetime] = []
    for (table,) in connection.execute(
        "select table_name from information_schema.columns where table_schema = 'raw' and column_name = 'effective_at'"
    ).fetchall():
        (moment,) = connection.execute(f"select min(effective_at) from raw.{table}").fetchall()[0]
        if moment is not None and moment < window.start:
            earliest.append(moment)
    if not earliest:
        return None
    return Window(min(earliest).replace(minute=0, second=0, microsecond=0), window.start)
