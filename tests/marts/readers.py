"""Readers of the published copy, processes of their own that open it all the time; run as a program, one of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

SECONDS = 60
_PAUSE = 0.2


@dataclass
class Heard:
    """What the readers have told, when they are done."""

    reads: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    most_ticks_behind: int = 0


def tell(folder: Path, ticks: int, *, is_publishing: bool = False) -> None:
    """Let readers know how many ticks have been published, and whether another just is."""
    unfinished = folder / "ticks.writing"
    unfinished.write_text(f"{ticks} {is_publishing}")
    unfinished.replace(folder / "ticks")


@contextmanager
def reading(
    published: Path, folder: Path, *, readers: int = 3, only_news: bool = False, with_parquet: bool = True
) -> Iterator[Heard]:
    """Have readers open the copy of the marts until the block ends; what they heard is complete then.

    They begin when there is a copy, and compare it with what was told in `folder`: without a pause, or with `only_news`
    while another copy is written and once it is there.
    """
    # a reader knows DuckDB and nothing else of us, as a BI tool does, and starts as quickly
    from dagster_project.publish import FILE, PARQUET

    folder.mkdir()
    heard = Heard()
    command = [sys.executable, __file__, str(published / FILE), str(folder), str(only_news)]
    command += [str(published / PARQUET)] if with_parquet else []
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(readers)]
    try:
        while len(list(folder.glob("ready-*"))) < readers:
            assert all(process.poll() is None for process in processes)
            time.sleep(0.02)
        yield heard
    finally:
        (folder / "enough").touch()
        said = [process.communicate(timeout=SECONDS)[0] for process in processes]
    for report in map(json.loads, said):
        heard.reads.append(report["reads"])
        heard.errors += report["errors"]
        heard.most_ticks_behind = max(heard.most_ticks_behind, report["most_ticks_behind"])


def read_file(file: Path) -> int:
    """Read all of every mart in the file; the number of its ticks."""
    with duckdb.connect(str(file), read_only=True) as copy:
        tables = copy.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        for (table,) in tables:
            copy.execute(f"select count(*), bit_xor(hash(row_of)) from marts.{table} as row_of").fetchall()
        ((ticks,),) = copy.execute("select count(*) from marts.ticks").fetchall()
    return int(ticks)


def read_parquet(folder: Path) -> int:
    """The same from the Parquet files, all of them of one tick: where the link leads is asked once."""
    folder = folder.resolve()
    with duckdb.connect() as connection:
        for path in sorted(folder.iterdir()):
            connection.execute(f"select count(*), bit_xor(hash(row_of)) from '{path}' as row_of").fetchall()
        ((ticks,),) = connection.execute(f"select count(*) from '{folder}/ticks.parquet'").fetchall()
    return int(ticks)


def read_on(file: Path, folder: Path, only_news: bool, parquet: Path | None) -> dict[str, object]:
    """Read until there is `enough` in the folder, and say how often, with what errors, and how far behind."""
    reads, errors, most, known = 0, [], 0, ""
    places = [(read_file, file), *([(read_parquet, parquet)] if parquet else [])]
    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / "enough").exists():
        told = (folder / "ticks").read_text() if (folder / "ticks").exists() else ""
        published = int(told.partition(" ")[0] or 0)
        if not published or (only_news and told == known and not told.endswith(str(True))):
            time.sleep(0.01)
            continue
        known = told
        for read, place in places:
            try:
                most = max(most, published - read(place))
            except (duckdb.Error, OSError) as error:
                errors.append(f"{read.__name__}: {error}")
            reads += 1
        time.sleep(_PAUSE if only_news else 0)
    return {"reads": reads, "errors": errors, "most_ticks_behind": most}


if __name__ == "__main__":
    copy, told_in, news, *parquet_folder = sys.argv[1:]
    heard = read_on(Path(copy), Path(told_in), news == "True", Path(parquet_folder[0]) if parquet_folder else None)
    json.dump(heard, sys.stdout)
