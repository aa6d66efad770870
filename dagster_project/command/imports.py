"""hourbell import"""

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from dagster_project.command.load import load_files
from dagster_project.command.show import console
from data.importers.online_retail import import_online_retail


class Source(StrEnum):
    """What can be imported."""

    online_retail = "online-retail"


def import_source(
    source: Annotated[Source, typer.Argument(help="What the file is.")],
    path: Annotated[Path, typer.Argument(help="The file to import.")],
    addresses: Annotated[
        bool,
        typer.Option(help="Invent an address and consent for each customer, so that a rehearsal can send."),
    ] = False,
) -> None:
    """Turn somebody else's file into the canonical tables, and load them.

    Example: hourbell import online-retail online_retail.parquet
    """
    with TemporaryDirectory(prefix="hourbell-import-") as folder:
        account = import_online_retail(path, Path(folder), addresses=addresses)
        console.print(account.as_table())
        load_files(Path(folder))
