"""How commands talk to a person."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

console = Console()


def progress(*, shown: bool = True) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not shown,
    )


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str | None = None) -> None:
    """Print a table; numbers stand on the right."""
    body = [list(row) for row in rows]
    # eighty columns hold nine of ours
    grid = Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for place, column in enumerate(columns):
        numeric = bool(body) and all(isinstance(row[place], int | float) or row[place] is None for row in body)
        grid.add_column(column, justify="right" if numeric else "left", no_wrap=place == 0)
    for row in body:
        grid.add_row(*(_text(value) for value in row))
    console.print(grid)


def say(text: str) -> None:
    """Print a line as it is, however long, so that what is in it can be copied."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return str(value)
