"""Read the outbox: Parquet files by tick and channel, a batch of actions at a time."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from activations.errors import HourbellError

_TIMESTAMP = pa.timestamp("us")
SCHEMA = pa.schema(
    [
        ("action_id", pa.int64()),
        ("tick_end", _TIMESTAMP),
        ("workflow", pa.string()),
        ("step", pa.string()),
        ("enrollment_id", pa.int64()),
        ("contact_id", pa.int64()),
        ("kind", pa.string()),
        ("channel", pa.string()),
        ("address", pa.string()),
        ("template", pa.string()),
        ("topic", pa.string()),
        ("topic_kind", pa.string()),
        ("variant", pa.string()),
        ("locale", pa.string()),
        ("timezone", pa.string()),
        ("profile", pa.string()),
        ("context", pa.string()),
        ("send_after", _TIMESTAMP),
        ("expires_at", _TIMESTAMP),
    ]
)
_AT_ONCE = 2_000
_MEND = "Run the tick that wrote it again; what was sent of it is in the journal, and is not sent again."


class OutboxFileError(HourbellError):
    """A file of the outbox is not as it must be."""


class Action(NamedTuple):
    """One thing to do for one contact. Timestamps are naive UTC; `profile` and `context` are JSON text."""

    action_id: int
    tick_end: datetime
    workflow: str
    step: str
    enrollment_id: int | None
    contact_id: int | None
    kind: str
    channel: str
    address: str | None
    template: str | None
    topic: str | None
    topic_kind: str | None
    variant: str | None
    locale: str | None
    timezone: str | None
    profile: str | None
    context: str | None
    send_after: datetime | None
    expires_at: datetime | None


def sent_at(action: Action) -> datetime:
    """When an action goes out; not by the clock, so that what is sent anew after a crash is the same."""
    return max(action.tick_end, action.send_after or action.tick_end)


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the outbox that one process takes: every so-manieth batch. Number 0 of 1 is the whole."""

    number: int
    of: int
    only: Collection[int] | None = None
    """These actions alone, where it is given."""

    def has(self, batch: int) -> bool:
        return batch % self.of == self.number

    def of_batch(self, actions: list["Action"]) -> list["Action"]:
        return actions if self.only is None else [action for action in actions if action.action_id in self.only]


WHOLE = Share(0, 1)


@dataclass(frozen=True, slots=True)
class OutboxFile:
    """A file of the outbox. `fingerprint` changes whenever the file is written again."""

    path: Path
    name: str
    channel: str
    fingerprint: str


def outbox_files(outbox: Path) -> list[OutboxFile]:
    """The files of the outbox, oldest tick first; none where nothing has been decided yet."""
    paths = sorted(outbox.glob("tick=*/[!.]*.parquet"))
    return [outbox_file(path, name=f"{path.parent.name}/{path.name}") for path in paths]


def outbox_file(path: Path, name: str) -> OutboxFile:
    """A file as it is now; raises OSError."""
    status = path.stat()
    return OutboxFile(path, name, path.stem, f"{status.st_size}-{status.st_mtime_ns}")


def count_actions(file: OutboxFile) -> int:
    """The number of actions in a file, from its footer; raises OutboxFileError where it cannot be read."""
    with _open(file.path) as parquet:
        return int(parquet.metadata.num_rows)


def read_actions(file: OutboxFile, batch_size: int, share: Share = WHOLE, first: int = 0) -> Iterator[list[Action]]:
    """The actions of a file, at most `batch_size` at a time and never all in memory.

    Of a `share` only its batches are given; they count from `first`, so that it is not the same process that gets the
    first batch of every file.

    Raises OutboxFileError naming the file where it cannot be read, lacks a column, or holds another channel's actions.
    """
    with _open(file.path) as parquet:
        missing = [name for name in SCHEMA.names if name not in parquet.schema_arrow.names]
        if missing:
            raise OutboxFileError(f"The outbox file {file.path} lacks the column {', '.join(missing)}. {_MEND}")
        try:
            batches_of_all = enumerate(parquet.iter_batches(batch_size, columns=SCHEMA.names), first)
            for batches in _several(batch for number, batch in batches_of_all if share.has(number)):
                rows = pa.Table.from_batches(batches).select(SCHEMA.names).cast(SCHEMA)
                # polars makes Python's values in a third of the time
                columns = {name: pl.Series(rows[name]) for name in SCHEMA.names}
                values = [*map(_values, columns.values())]
                is_sound = _is_sound(file, columns)
                start = 0
                for size in map(len, batches):
                    parts = [column(start, size) for column in values]
                    actions = list(map(Action._make, zip(*parts, strict=True)))
                    if not is_sound:
                        _check(file, actions)
                    yield share.of_batch(actions)
                    start += size
        except (pa.ArrowException, OSError) as error:
            raise OutboxFileError(f"The outbox file {file.path} cannot be read: {error}. {_MEND}") from error


def _several(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """So many batches that they repay what is done for each column; where a file is damaged, all that are before it."""
    several: list[pa.RecordBatch] = []
    try:
        for batch in batches:
            several.append(batch)
            if sum(map(len, several)) >= _AT_ONCE:
                yield several
                several = []
    except (pa.ArrowException, OSError):
        if several:
            yield several
        raise
    if several:
        yield several


def _values(column: pl.Series) -> Callable[[int, int], list[Any]]:
    """The values of a column from a place on; most columns hold one, which is made once."""
    value = column.first()
    # a look at the last one spares most of the others
    if column.last() != value or not column.eq_missing(value).all():
        return lambda start, size: column.slice(start, size).to_list()
    return lambda start, size: [value] * size


def _is_sound(file: OutboxFile, columns: Mapping[str, pl.Series]) -> bool:
    """Whether all rows belong there."""
    has_all = not (columns["action_id"].null_count() or columns["tick_end"].null_count())
    return has_all and bool(columns["channel"].eq_missing(file.channel).all())


def _check(file: OutboxFile, actions: list[Action]) -> None:
    """Raises OutboxFileError naming the first action that does not belong there."""
    for action in actions:
        if action.action_id is None or action.tick_end is None:
            raise OutboxFileError(
                f"The outbox file {file.path} holds a row without action_id or tick_end: "
                f"{action.workflow}, {action.step}, contact {action.contact_id}. {_MEND}"
            )
        if action.channel != file.channel:
            raise OutboxFileError(
                f"The outbox file {file.path} holds action {action.action_id}, which is for {action.channel!r}. {_MEND}"
            )


def _open(path: Path) -> pq.ParquetFile:
    try:
        # without pre-buffering a row group is read page by page, so that memory stays flat
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise OutboxFileError(f"The outbox file {path} cannot be read: {error}. {_MEND}") from error
