"""hourbell load"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.command.show import console, progress, table
from dagster_project.home import Home
from dagster_project.landing.load import Loaded, load


def load_files(
    path: Annotated[Path, typer.Argument(help="A file, or a folder with one folder a table.")],
) -> None:
    """Copy files into landing. Loading the same file twice changes nothing.

    The folder or the file's name tells the table: orders/monday.csv, events-2026-03.jsonl.

    Example: hourbell load exports/
    """
    home = Home.from_environment().prepare()
    with progress() as bar:
        task = bar.add_task("Loading", total=None)
        loaded = load(path, home.landing, datetime.now(UTC).replace(tzinfo=None), progress=lambda: bar.advance(task))
    table(
        "Loaded",
        ["table", "file", "rows", "new"],
        [[file.table, file.source.name, file.rows, "yes" if file.is_new else "already there"] for file in loaded],
    )
    for line in ignored_columns(loaded):
        console.print(f"[yellow]{line}[/]", soft_wrap=True)
    console.print("Next: [bold]hourbell tick[/]")


def ignored_columns(loaded: Sequence[Loaded]) -> Iterator[str]:
    """A line for each table of which columns were ignored, with the number of files that have each."""
    for name in dict.fromkeys(file.table for file in loaded if file.ignored_columns):
        found = Counter(column for file in loaded if file.table == name for column in file.ignored_columns)
        told = ", ".join(f"{column} ({files:,} {'file' if files == 1 else 'files'})" for column, files in found.items())
        yield f"{name}: ignored columns {told}"
