"""From a client's request to a workflow's entry: with the hour, or at once where the workflow is urgent."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from collecting import NOW, Collecting, collecting

from activations.collector.latest import FILE, latest_events
from activations.collector.sealing import seal_collected
from activations.errors import HourbellError
from dagster_project import registry
from dagster_project.home import Home
from dagster_project.tick import run_tick
from dagster_project.tick_run import due_window, window_tags
from dagster_project.urgent import SECOND, Watch, look, urgent_events, urgent_window
from dagster_project.warehouse import open_warehouse
from dagster_project.windows import HOUR, Window

segment = pytest.importorskip("segment.analytics", reason="needs segment-analytics-python")

KEY = "write-key-of-the-shop"
REGISTERED = {"event_id": "e1", "name": "Evening in the shop", "ends_at": "2031-01-01T20:00:00"}


@contextmanager
def served(home: Home) -> Iterator[str]:
    """`hourbell collect` as a process; ends it, and sees that it ends well."""
    environment = {**os.environ, "HOURBELL_HOME": str(home.root), "HOURBELL_WRITE_KEY_SHOP": KEY, "COLUMNS": "200"}
    command = [sys.executable, "-c", "from dagster_project.command import app; app()", "collect", "--port", "0"]
    process = subprocess.Popen(
        command,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.search(r"http://[\w.:]+", process.stdout.readline())
        assert found
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        assert process.wait(30) == 0, said
        assert "on disk" in said


def register(url: str, *people: str) -> None:
    """People register for an event, as Segment's client says it."""
    problems: list[Exception] = []
    client = segment.Client(KEY, host=url, on_error=lambda error, _: problems.append(error), upload_interval=0.05)
    for person in people:
        client.identify(person, {"email": f"{person}@shop.example"})
        client.track(person, "Event Registered", REGISTERED)
    client.flush()
    client.join()
    assert not problems


def entered(home: Home) -> list[str]:
    with open_warehouse(home) as warehouse:
        rows = warehouse.execute(
            "select distinct profiles.email from workflows.event_follow_up__entered as entered "
            "join contacts.contact_profiles as profiles using (contact_id) order by profiles.email"
        ).fetchall()
    return [email for (email,) in rows]


@dataclass
class Daemon:
    """What Dagster's daemon does of a sensor and a schedule, without waiting."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    cursor: str | None = None

    def sense(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        data = self.definitions.get_sensor_def("urgent").evaluate_tick(context)
        self.cursor = data.cursor
        return list(data.run_requests or [])

    def at_the_hour(self) -> list[dg.RunRequest]:
        context = dg.build_schedule_context(instance=self.instance, scheduled_execution_time=datetime.now(UTC))
        return list(self.definitions.resolve_schedule_def("hourly").evaluate_tick(context).run_requests or [])

    def run(self, request: dg.RunRequest) -> None:
        job = self.definitions.resolve_job_def("tick")
        assert job.execute_in_process(instance=self.instance, tags=dict(request.tags)).success


def test_an_event_enters_an_urgent_workflow_at_once_and_the_hour_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dagster_project.definitions import definitions

    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    monkeypatch.setattr("dagster_project.urgent.urgent_workflows", lambda: ["event_follow_up"])
    (tmp_path / "dagster").mkdir()
    before = due_window(home)
    assert before is not None
    run_tick(home, before)
    loaded = definitions()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance, served(home) as url:
        daemon = Daemon(loaded() if callable(loaded) else loaded, instance)
        assert daemon.sense() == []
        register(url, "ann", "bea")
        (request,) = daemon.sense()
        assert daemon.sense() == [], "once is enough"
        window = Window(before.end, datetime.fromisoformat(request.tags["hourbell/tick_end"]))
        assert request.tags.items() >= window_tags(window).items()
        assert window.end <= datetime.now(UTC).replace(tzinfo=None) + SECOND
        daemon.run(request)
        assert entered(home) == ["ann@shop.example", "bea@shop.example"]
        assert daemon.sense() == []
        assert daemon.at_the_hour() == [], "the hour is not over"
        register(url, "ann")
    assert seal_collected(home.collected, home.spool), "what came in last waits"
    after = due_window(home, window.end + HOUR)
    assert after == Window(window.end, (window.end + HOUR).replace(minute=0, second=0)), "no gap, no overlap"
    run_tick(home, after)
    assert entered(home) == ["ann@shop.example", "bea@shop.example"], "the same event again is no news"


def test_a_request_that_comes_again_changes_nothing(home: Home) -> None:
    events = [
        {"type": "track", "userId": "ann", "event": "Event Registered", "messageId": f"m{number}"}
        for number in range(3)
    ]
    with collecting(home.root, lambda: datetime(2026, 3, 2, 0, 30)) as collector:
        for _ in range(2):
            assert collector.post("/v1/batch", {"batch": events}).status_code == 200
        run_tick(home, Window(datetime(2026, 3, 2), datetime(2026, 3, 2, 1)))
        assert collector.post("/v1/batch", {"batch": events}).status_code == 200
        run_tick(home, Window(datetime(2026, 3, 2, 1), datetime(2026, 3, 2, 2)))
    with open_warehouse(home) as warehouse:
        assert warehouse.execute("select count(*) from raw.events where user_id = 'ann'").fetchall() == [(9,)]
        assert warehouse.execute("select count(*) from contacts.events where user_id = 'ann'").fetchall() == [(3,)]
    assert not list(home.collected.glob("*.jsonl*"))


def test_a_tick_that_is_run_again_leaves_what_has_come_in_for_the_next(home: Home) -> None:
    window = Window(datetime(2026, 3, 2), datetime(2026, 3, 2, 1))
    run_tick(home, window)
    with collecting(home.root) as collector:
        assert collector.post("/v1/events", {"event": "E", "user_id": "ann"}).status_code == 200
    run_tick(home, window)
    assert len(list(home.collected.glob("*.jsonl"))) == 1


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[tuple[Collecting, Callable[[timedelta], None]]]:
    """A collector, and what sets its clock on."""
    moments = [NOW]
    with collecting(tmp_path, lambda: moments[-1]) as serving:
        yield serving, lambda by: moments.append(moments[-1] + by)


def test_when_each_event_came_in_is_known_whether_it_has_landed_or_not(
    collector: tuple[Collecting, Callable[[timedelta], None]],
) -> None:
    serving, wait = collector

    def send(name: str) -> None:
        assert serving.post("/v1/events", {"event": name, "user_id": "u1"}).status_code == 200
        wait(timedelta(minutes=1))

    send("A")
    first = latest_events(serving.folder, {})
    assert first.latest == {"A": NOW}
    send("B")
    second = latest_events(serving.folder, first.read)
    assert second.latest == {"B": NOW + timedelta(minutes=1)}, "what was read is not read again"
    seal_collected(serving.folder, serving.spool)
    send("A")
    third = latest_events(serving.folder, second.read)
    assert third.latest == {"A": NOW + timedelta(minutes=2), "B": NOW + timedelta(minutes=1)}
    assert len(third.read) == 1
    (serving.folder / FILE).write_text("[damaged")
    assert latest_events(serving.folder, {}).latest == {"A": NOW + timedelta(minutes=2)}


def test_what_a_tick_took_in_too_late_to_decide_it_is_not_forgotten(tmp_path: Path, home: Home) -> None:
    """The hour ends, an event comes in, and the tick of that hour lands it: it is of the next window."""
    ended = datetime(2026, 3, 2, 1)
    with collecting(home.root, lambda: ended + timedelta(seconds=70)) as serving:
        assert serving.post("/v1/events", {"event": "Event Registered", "user_id": "ann"}).status_code == 200
    run_tick(home, Window(ended - HOUR, ended))
    watch = look(home, Watch(), {"Event Registered"})
    assert watch.newest == ended + timedelta(seconds=70)
    now = ended + timedelta(seconds=90, milliseconds=400)
    assert urgent_window(home, watch, now) == Window(ended, ended + timedelta(seconds=91))
    assert urgent_window(home, watch.answered(), now) is None
    assert look(home, watch, {"Another"}) == Watch({}, watch.newest), "what was seen stays seen"
    assert Watch.from_text(str(watch.answered())) == watch.answered()


def test_what_the_tick_of_its_hour_decided_needs_no_other(home: Home) -> None:
    start = datetime(2026, 3, 2)
    run_tick(home, Window(start, start + HOUR))
    now = start + timedelta(hours=1, minutes=2)
    for before, is_due in ((timedelta(minutes=5), False), (timedelta(milliseconds=400), True)):
        watch = Watch({}, start + HOUR - before)
        assert (urgent_window(home, watch, now) is not None) == is_due, "within its last second it may have come after"


def test_the_events_of_a_workflow_are_those_that_it_and_its_triggers_name() -> None:
    assert {"Event Registered", "Event Attended"} <= urgent_events(["event_follow_up"])
    assert {"Product Added"} <= urgent_events(["abandoned_cart"]), "which its trigger names"
    assert "Product Added" not in urgent_events(["event_follow_up"])
    assert urgent_events([]) == frozenset()
    assert urgent_events() == frozenset(), "no workflow that ships is urgent"


@pytest.mark.parametrize(("given", "urgent"), [(True, ["birthday"]), (False, []), ("yes please", None)])
def test_the_registry_says_what_is_urgent(
    given: Any, urgent: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = yaml.safe_load(registry.PROJECT_FILE.read_text())
    project["vars"]["workflows"]["birthday"]["urgent"] = given
    variables = project["vars"]
    monkeypatch.setattr(registry, "_variables", lambda *_: variables)
    if urgent is None:
        with pytest.raises(HourbellError, match="birthday has urgent: yes please"):
            registry.urgent_workflows()
    else:
        assert registry.urgent_workflows() == urgent


def test_nobody_is_served_without_a_key(
    home: Home, run_command: Callable[..., tuple[int, str]], monkeypatch: Any
) -> None:
    monkeypatch.delenv("HOURBELL_WRITE_KEY", raising=False)
    code, said = run_command("collect")
    assert code == 1
    assert "HOURBELL_WRITE_KEY" in said
