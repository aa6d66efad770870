"""Files that wait for landing: a folder one table, as `hourbell load` takes them."""

import fcntl
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from activations.durable import write_whole
from activations.errors import HourbellError


def spool_file(spool: Path, table: str, rows: pl.DataFrame) -> Path:
    """Put rows into the spool as one file, whole or not at all. The same rows give the same file."""
    folder = spool / table
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    content = buffer.getvalue()
    path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}.parquet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise HourbellError(
            f"Cannot write to {folder}: {error.strerror}. Make room or give rights, and deliver again; nothing is lost."
        ) from error
    return path


def land_spool(spool: Path, land: Callable[[Path], object]) -> list[Path]:
    """Land what waits in the spool, and remove it afterwards; files that come meanwhile wait for the next time."""
    if not spool.is_dir():
        return []
    with (spool / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = sorted(spool.glob("*/[!.]*.parquet"))
        if waiting:
            land(spool)
        for path in waiting:
            path.unlink(missing_ok=True)
    return waiting
