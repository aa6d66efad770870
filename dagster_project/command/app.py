"""The commands, each in its own module."""

import logging
from collections.abc import Callable
from typing import Any

import typer
from rich.markup import escape

from activations.errors import HourbellError
from dagster_project.command import (
    backfill,
    collect,
    contract,
    deliver,
    demo,
    diff,
    docs,
    erase,
    explain,
    forecast,
    holds,
    imports,
    inbox,
    journal,
    lint,
    load,
    new,
    pause,
    preview,
    pull,
    render,
    replay,
    reports,
    status,
    tick,
    token,
)
from dagster_project.command.show import console


class _Application(typer.Typer):
    """Shows what a person can mend as one line, and leaves with a non-zero exit."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except HourbellError as error:
            console.print("[bold red]Error:[/]", escape(str(error)), highlight=False, soft_wrap=True)
            raise SystemExit(1) from error


app = _Application(
    name="hourbell",
    help="Marketing automation that lives in the data warehouse.",
    epilog="Start with: hourbell demo",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more about what is going on."),
) -> None:
    """Marketing automation that lives in the data warehouse."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        # a library has set up a log of its own while it was imported
        force=True,
    )


_COMMANDS: dict[str, Callable[..., Any]] = {
    "demo": demo.demo,
    "contract": contract.show_contract,
    "load": load.load_files,
    "import": imports.import_source,
    "collect": collect.collect,
    "tick": tick.tick,
    "token": token.token,
    "deliver": deliver.deliver,
    "pull": pull.pull,
    "status": status.status,
    "explain": explain.explain_contact,
    "forecast": forecast.forecast_workflow,
    "diff": diff.diff_workflow,
    "preview": preview.preview_workflow,
    "render": render.render,
    "replay": replay.replay_history,
    "backfill": backfill.backfill_workflow,
    "reports": reports.build_reports,
    "docs": docs.docs,
    "inbox": inbox.inbox,
    "new": new.new_workflow,
    "lint": lint.lint_workflows,
    "pause": pause.pause,
    "resume": pause.resume,
    "release": holds.release,
    "drop": holds.drop,
    "erase": erase.erase_contact,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(journal.app, name="journal", no_args_is_help=True)
