"""hourbell contract"""

from typing import Annotated

import typer

from dagster_project.command.show import console, table
from data.contract import Failure, Table, contract, tables

CONSEQUENCES: dict[Failure, str] = {
    "quarantine": "the row is set aside",
    "blank": "the value is left empty",
    "stop": "the tick stops before it decides anything",
}


def show_contract(
    name: Annotated[str | None, typer.Argument(metavar="TABLE", help="Only this table, with all its columns.")] = None,
) -> None:
    """What may land: the tables, their columns, and what becomes of a row that is not as it should be.

    Example: hourbell contract orders
    """
    if name is None:
        table(
            "Tables that may land",
            ["table", "what", "key"],
            [[one.name, one.description, ", ".join(one.natural_key)] for one in tables()],
            caption="hourbell contract TABLE shows the columns of one.",
        )
        return
    _show(contract(name))


def _show(one: Table) -> None:
    console.print(f"[bold]{one.name}[/]: {one.description}", soft_wrap=True, highlight=False)
    console.print(f"{one.grain} Files are Parquet, JSON lines or CSV.", soft_wrap=True, highlight=False)
    table(
        "Columns",
        ["column", "type", "needed", "what"],
        [
            [
                " or ".join((column.name, *column.aliases)),
                column.type,
                "yes" if column.required else "",
                column.description,
            ]
            for column in one.columns
        ],
    )
    salvage = one.salvage
    table(
        "What a row may get wrong",
        ["what", "then"],
        [[expectation.reason, CONSEQUENCES[expectation.on_failure]] for expectation in one.expectations],
        caption=f"But {salvage.rows} is {salvage.note}, whatever else is wrong with it." if salvage else None,
    )
