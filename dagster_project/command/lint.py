"""hourbell lint"""

import typer
from rich.markup import escape

from activations.delivery.delivery import TEMPLATES
from dagster_project.command.show import console
from dagster_project.home import REPOSITORY, Home
from dagster_project.lint import lint
from dagster_project.lint.stranded import stranded
from dagster_project.ticks.transform import DBT
from dagster_project.warehouse import open_warehouse


def lint_workflows() -> None:
    """What is wrong with the workflows, with the file, the line and the mend. Nothing is run.

    Example: hourbell lint
    """
    found = lint(DBT, TEMPLATES)
    home = Home.from_environment()
    if home.warehouse.exists():
        with open_warehouse(home, read_only=True) as connection:
            found += stranded(connection)
    for finding in found:
        path = finding.path.relative_to(REPOSITORY) if finding.path.is_relative_to(REPOSITORY) else finding.path
        colour = "red" if finding.is_error else "yellow"
        console.print(f"[{colour}]{escape(str(path))}:{finding.line}[/] {escape(finding.problem)}", soft_wrap=True)
        console.print(f"    {escape(finding.mend)}", soft_wrap=True)
    errors = sum(finding.is_error for finding in found)
    console.print(f"{errors} errors, {len(found) - errors} remarks." if found else "Nothing is wrong.")
    if errors:
        raise typer.Exit(1)
