"""hourbell tick"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from activations.errors import HourbellError
from dagster_project.command.deliver import deliver_with_progress
from dagster_project.command.holds import tell_holds
from dagster_project.command.show import console, progress, table
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock
from dagster_project.ticks.tick import Tick, resume, run_tick
from dagster_project.ticks.tick_run import due_window
from dagster_project.ticks.windows import Window, last_completed, parse_size, parse_time, split
from dagster_project.warehouse import open_warehouse


def tick(
    from_time: Annotated[
        str | None, typer.Option("--from", help="Start (UTC); default: where the last tick ended.")
    ] = None,
    to_time: Annotated[str | None, typer.Option("--to", help="End (UTC); default: the last full hour.")] = None,
    size: Annotated[str, typer.Option(help="Length of each tick: 30m, 1h, 1d.")] = "1h",
    deliver: Annotated[bool, typer.Option(help="Deliver what was decided.")] = True,
) -> None:
    """Decide who is due for what, and deliver it.

    Without options: everything up to the last full hour, in one tick.

    Example: hourbell tick --from 2026-03-01 --to 2026-03-02 --size 1h
    """
    home = Home.from_environment().prepare()
    asked = _asked(home, from_time, to_time, size) if from_time or to_time else None
    done: list[Tick] = []
    with tick_lock(home), progress() as bar:
        first = resume(home)
        done += [first] if first else []
        windows = asked if asked is not None else _due(home)
        task = bar.add_task("Ticks", total=len(windows))
        for window in windows:
            bar.update(task, description=f"Tick {window}")
            done.append(run_tick(home, window))
            bar.advance(task)
    if done:
        _report(done)
    else:
        console.print("Nothing is due yet: everything up to the last full hour has been decided.")
    tell_holds(home)
    broken = sorted({scope for one in done for scope in one.broken})
    if deliver:
        deliver_with_progress(home)
    if broken:
        raise HourbellError(
            f"{', '.join(broken)} broke and will catch up in the next tick; the others went on. "
            + " ".join(f"{model.name}: {model.message.strip()}" for one in done for model in one.failed)
        )


def _asked(home: Home, from_time: str | None, to_time: str | None, size: str) -> list[Window]:
    length = parse_size(size)
    with open_warehouse(home) as connection:
        last_end = last_completed(connection)
    start = parse_time(from_time) if from_time else last_end
    if start is None:
        raise HourbellError("There was no tick yet to go on from. Say where to begin: --from 2026-03-01.")
    end = parse_time(to_time) if to_time else datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    return list(split(Window(start, end), length))


def _due(home: Home) -> list[Window]:
    due = due_window(home, utc_now())
    return [due] if due else []


def _report(done: list[Tick]) -> None:
    quarantined = sum(landed.quarantined for one in done for landed in one.landed)
    table(
        "Ticks",
        ["window", "rows landed", "actions", "seconds"],
        [
            [
                str(one.window),
                sum(landed.rows for landed in one.landed),
                sum(one.actions.values()),
                round(one.seconds, 2),
            ]
            for one in done[-24:]
        ],
    )
    if quarantined:
        console.print(f"[yellow]{quarantined} rows were set aside by the quality gate: see raw.quarantine.[/]")
