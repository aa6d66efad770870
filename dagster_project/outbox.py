"""The outbox: decisions leave the warehouse as files by tick and channel, so that delivery never has to open it."""

from datetime import datetime
from pathlib import Path

import duckdb

from activations.errors import HourbellError


def outbox_folder(outbox: Path, tick_end: datetime) -> Path:
    return outbox / f"tick={tick_end:%Y%m%dT%H%M%SZ}"


def write_outbox(connection: duckdb.DuckDBPyConnection, outbox: Path, tick_end: datetime) -> dict[str, int]:
    """Write the sends of one tick, a file a channel, and return the number of actions by channel.

    The same decisions give the same bytes; a tick that is run again replaces its files.
    """
    folder = outbox_folder(outbox, tick_end)
    counts = dict(
        connection.execute(
            "select channel, count(*) from decisions.outbox where tick_end = ? group by channel order by channel",
            [tick_end],
        ).fetchall()
    )
    try:
        if counts:
            folder.mkdir(parents=True, exist_ok=True)
        for channel in counts:
            unfinished = folder / f".{channel}.parquet.writing"
            connection.execute(
                "copy (select * from decisions.outbox where tick_end = $tick_end and channel = $channel "
                "order by action_id) "
                f"to '{unfinished}' (format parquet, compression zstd)",
                {"tick_end": tick_end, "channel": channel},
            )
            unfinished.rename(folder / f"{channel}.parquet")
        if folder.is_dir():
            for stale in set(folder.glob("*.parquet")) - {folder / f"{channel}.parquet" for channel in counts}:
                stale.unlink()
    except (OSError, duckdb.IOException) as error:
        raise HourbellError(
            f"Cannot write the outbox {folder}: {error}. Make room or give rights, then run the tick again; "
            "nothing of it has been sent."
        ) from error
    return counts
