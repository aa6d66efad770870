"""The outbox: decisions leave the warehouse as files by tick and channel, so that delivery never has to open it."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from activations.errors import HourbellError
from dagster_project.landing.sources import quoted_text

_STAGED = ".staged"


def outbox_folder(outbox: Path, tick_end: datetime) -> Path:
    return outbox / f"tick={tick_end:%Y%m%dT%H%M%SZ}"


def write_outbox(
    connection: duckdb.DuckDBPyConnection,
    outbox: Path,
    tick_end: datetime,
    examined: Callable[[Sequence[Path]], Collection[str]] | None = None,
) -> dict[str, int]:
    """Write the sends of one tick, a file a channel, and return the number of actions by channel.

    The same decisions give the same bytes; a tick that is run again replaces its files. `examined` sees the files where
    delivery does not, and returns the workflows that are not to leave; without it (in a rehearsal) all do.
    """
    folder = outbox_folder(outbox, tick_end)
    staged = folder / _STAGED
    counts = dict(
        connection.execute(
            "select channel, count(*) from decisions.outbox where tick_end = ? group by channel order by channel",
            [tick_end],
        ).fetchall()
    )
    try:
        if counts:
            staged.mkdir(parents=True, exist_ok=True)
        files = {channel: staged / f"{channel}.parquet" for channel in counts}
        for channel, file in files.items():
            _write(connection, file, tick_end, channel)
        held = examined(list(files.values())) if examined is not None else ()
        left = {}
        for channel, file in files.items():
            if not held or _write(connection, file, tick_end, channel, but=held):
                left[channel] = file
        # only from here on delivery sees anything
        for channel, file in left.items():
            file.rename(folder / f"{channel}.parquet")
        if folder.is_dir():
            for stale in set(folder.glob("*.parquet")) - {folder / f"{channel}.parquet" for channel in left}:
                stale.unlink()
            for rest in staged.glob("*"):
                rest.unlink()
            if staged.is_dir():
                staged.rmdir()
    except (OSError, duckdb.Error) as error:
        raise HourbellError(
            f"Cannot write the outbox {folder}: {error}. Make room, give rights or mend what it names, then run the "
            "tick again; nothing of it has been sent."
        ) from error
    return counts


def _write(
    connection: duckdb.DuckDBPyConnection, file: Path, tick_end: datetime, channel: str, but: Collection[str] = ()
) -> int:
    """Write a channel's actions, without those of some workflows, and return their number."""
    written = connection.execute(
        "copy (select * from decisions.outbox where tick_end = $tick_end and channel = $channel "
        "and not list_contains($but, workflow) order by action_id) "
        f"to {quoted_text(file)} (format parquet, compression zstd)",
        {"tick_end": tick_end, "channel": channel, "but": sorted(but)},
    ).fetchall()
    return int(written[0][0])
