"""`hourbell` in processes of its own that die where they are told to; run as a program, what they are born from.

Each is forked from one that has imported and parsed all there is, so that a test waits for nothing but the tick.
"""

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

POINTS = ("landed", "statements", "models", "decided", "staged", "published", "claimed", "answered", "spooled")
"""After the files were taken in, in the middle of the models, after them, when the outbox is written where delivery
does not look, when it has left and the new copy of the marts is not in place, after a claim, after an answer, and when
outcomes are in a file that has not landed."""


class Ticking:
    """Runs commands of `hourbell`, each in a process of its own."""

    def __init__(self, server: "subprocess.Popen[str]") -> None:
        self._server = server

    def start(self, home: Path, *command: str, now: datetime, **how: Any) -> int:
        """Begin a command at a simulated time, and return its process. `point` is where it dies, `mutant` an error."""
        return self._ask({"home": str(home), "command": command, "now": now.isoformat(), **how})

    def wait(self, process: int) -> int:
        """The exit code, or the negative number of the signal."""
        return os.waitstatus_to_exitcode(self._ask({"wait": process}))

    def run(self, home: Path, *command: str, now: datetime, **how: Any) -> int:
        return self.wait(self.start(home, *command, now=now, **how))

    def _ask(self, what: dict[str, Any]) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(what) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@contextmanager
def ticking() -> Iterator[Ticking]:
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield Ticking(server)
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(30)


def _serve() -> None:
    import dagster_project.command  # noqa: F401
    from dagster_project.ticks.transform import manifest

    manifest()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = os.waitpid(asked["wait"], 0)[1]
        else:
            answer = os.fork()
            if not answer:
                _run(**asked)
        answers.write(f"{answer}\n")
        answers.flush()


def _run(
    home: str,
    command: Sequence[str],
    now: str,
    said: str = os.devnull,
    point: str | None = None,
    mutant: str | None = None,
) -> None:
    """Be `hourbell` from here on, to the end of the process."""
    code = 1
    try:
        os.environ.update(HOURBELL_HOME=home, COLUMNS="300")
        handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        _set_clock(datetime.fromisoformat(now))
        if point is not None:
            _die_at(point)
        if mutant is not None:
            _MUTANTS[mutant]()
        from dagster_project.command import app

        app(list(command))
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _set_clock(now: datetime) -> None:
    import dagster_project.command.deliver as deliver_command
    import dagster_project.command.tick as tick_command

    def clock() -> datetime:
        return now

    tick_command.utc_now = clock
    deliver_command.utc_now = clock
    deliver_command.deliver_outbox = functools.partial(deliver_command.deliver_outbox, now=clock)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at(point: str) -> None:
    """Die at a point, which is somewhere else in the code each time."""
    import dagster_project.command.tick
    import dagster_project.deliver
    import dagster_project.gate_out.leave
    import dagster_project.publish
    import dagster_project.ticks.tick
    from activations.delivery.channel_delivery import ChannelDelivery
    from activations.journal.journal import Journal
    from dagster_project.ticks.statements import RunningTick, Statement

    def when(module: Any, name: str, after: bool) -> None:
        """Die before or after a function has done its work."""
        original: Callable[..., Any] = getattr(module, name)

        def fatal(*args: Any, **more: Any) -> Any:
            if after:
                original(*args, **more)
            _die()

        setattr(module, name, fatal)

    def die_among_the_models(event: Any) -> None:
        if event.info.name == "NodeFinished" and event.data.node_info.node_name == "abandoned_cart__reminder":
            _die()

    match point:
        case "landed":
            when(dagster_project.ticks.tick, "land", after=True)
        case "statements":
            statement_run = RunningTick.run

            def die_among_the_statements(tick: RunningTick, statement: Statement) -> None:
                statement_run(tick, statement)
                if statement.model == "abandoned_cart__reminder":
                    _die()

            RunningTick.run = die_among_the_statements  # type: ignore[method-assign]
        case "models":
            # by dbt itself, which keeps what has run by then
            dagster_project.ticks.tick.run_compiled = lambda *_: None
            run_tick = dagster_project.command.tick.run_tick
            dagster_project.command.tick.run_tick = functools.partial(run_tick, callbacks=[die_among_the_models])
        case "decided":
            when(dagster_project.ticks.tick, "leave", after=False)
        case "staged":
            when(dagster_project.gate_out.leave, "_hold", after=True)
        case "published":
            when(dagster_project.publish, "point_to", after=False)
        case "claimed":
            when(Journal, "claim", after=True)
        case "answered":
            when(ChannelDelivery, "_settle", after=False)
        case "spooled":
            when(dagster_project.deliver, "load", after=False)


def _open_tick_is_forgotten() -> None:
    import dagster_project.command.tick
    import dagster_project.ticks.tick_run

    dagster_project.command.tick.resume = lambda _: None
    dagster_project.ticks.tick_run.interrupted = lambda _: None


def _lock_outlives_its_holder() -> None:
    import dagster_project.command.tick
    from activations.errors import HourbellError

    @contextmanager
    def lock(home: Any) -> Iterator[None]:
        try:
            home.lock.open("x").close()
        except FileExistsError as error:
            raise HourbellError("Another tick is at work.") from error
        yield
        home.lock.unlink()

    dagster_project.command.tick.tick_lock = lock


_MUTANTS = {
    "what was not finished is forgotten": _open_tick_is_forgotten,
    "the lock outlives its holder": _lock_outlives_its_holder,
}

if __name__ == "__main__":
    _serve()
