"""From a client's request to a workflow's entry: with the hour, or at once where the workflow is urgent."""

import os
import re
import shutil
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
import requests
import yaml
from collecting import NOW, Collecting, collecting

from activations.collector.latest import FILE, latest_events
from activations.collector.sealing import seal_collected
from activations.errors import HourbellError
from dagster_project import registry
from dagster_project.command import collect as command
from dagster_project.defs.jobs import hourly
from dagster_project.defs.sensors import urgent
from dagster_project.home import Home
from dagster_project.landing.collected import land_collected
from dagster_project.ticks.tick import land, run_tick
from dagster_project.ticks.tick_run import END_TAG, START_TAG, due_window
from dagster_project.ticks.windows import HOUR, Window, last_completed, parse_time
from dagster_project.urgent import SECOND, Watch, look, urgent_events, urgent_window
from dagster_project.warehouse import open_warehouse

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


@pytest.fixture(scope="module")
def ticked_once(landed_shop: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small shop, decided up to the last full hour. Copy it; do not change it."""
    home = Home(tmp_path_factory.mktemp("ticked") / "home")
    shutil.copytree(landed_shop.root, home.root)
    window = due_window(home)
    assert window is not None
    run_tick(home, window)
    return home


@pytest.fixture
def ticked(ticked_once: Home, tmp_path: Path) -> tuple[Home, datetime]:
    """A copy of it, and the end of the hour."""
    home = Home(tmp_path / "home")
    shutil.copytree(ticked_once.root, home.root)
    with open_warehouse(home) as warehouse:
        ended = last_completed(warehouse)
    assert ended is not None
    return home, ended


@dataclass
class Daemon:
    """What Dagster's daemon does of a sensor and a schedule, without waiting."""

    instance: dg.DagsterInstance
    cursor: str | None = None

    def sense(self) -> list[Window]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        data = urgent.evaluate_tick(context)
        self.cursor = data.cursor
        return [_window(request) for request in data.run_requests or []]

    def at_the_hour(self) -> list[Window]:
        context = dg.build_schedule_context(instance=self.instance, scheduled_execution_time=datetime.now(UTC))
        return [_window(request) for request in hourly.evaluate_tick(context).run_requests or []]


def _window(request: dg.RunRequest) -> Window:
    return Window(parse_time(request.tags[START_TAG]), parse_time(request.tags[END_TAG]))


def test_an_event_enters_an_urgent_workflow_at_once_and_the_hour_goes_on(
    ticked: tuple[Home, datetime], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home, ended = ticked
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    monkeypatch.setattr("dagster_project.urgent.urgent_workflows", lambda: ["event_follow_up"])
    (tmp_path / "dagster").mkdir()
    twice = {"type": "track", "userId": "ann", "event": "Page Printed", "messageId": "m1"}
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance, served(home) as url:

        def send_once_more() -> None:
            requests.post(
                f"{url}/v1/batch", json={"batch": [twice, twice]}, auth=(KEY, ""), timeout=60
            ).raise_for_status()

        daemon = Daemon(instance)
        send_once_more()
        assert daemon.sense() == [], "nobody in a hurry waits for that"
        register(url, "ann", "bea")
        (window,) = daemon.sense()
        assert daemon.sense() == [], "once is enough"
        now = datetime.now(UTC).replace(tzinfo=None)
        assert window.start == ended
        assert now - timedelta(minutes=1) < window.end <= now + SECOND
        run_tick(home, window)
        assert entered(home) == ["ann@shop.example", "bea@shop.example"]
        assert daemon.sense() == []
        assert all(hour.start == window.end for hour in daemon.at_the_hour()), "none, while the hour is not over"
        register(url, "ann")
        send_once_more()
    after = due_window(home, window.end + HOUR)
    assert after == Window(window.end, (window.end + HOUR).replace(minute=0, second=0)), "no gap, no overlap"
    run_tick(home, after)
    assert not list(home.collected.glob("*.jsonl*"))
    assert entered(home) == ["ann@shop.example", "bea@shop.example"], "the same registration again is no news"
    with open_warehouse(home) as warehouse:
        printed = "select count(*) from {} where event = 'Page Printed'"
        assert warehouse.execute(printed.format("raw.events")).fetchall() == [(4,)]
        assert warehouse.execute(printed.format("contacts.events")).fetchall() == [(1,)], "a repeated message is one"


def test_a_tick_that_is_run_again_leaves_what_has_come_in_for_the_next(ticked: tuple[Home, datetime]) -> None:
    home, ended = ticked
    with collecting(home.root) as collector:
        assert collector.post("/v1/events", {"event": "E", "user_id": "ann"}).status_code == 200
    assert land(home, Window(ended - HOUR, ended)) == []
    assert len(list(home.collected.glob("*.jsonl"))) == 1
    assert [(taken.table, taken.rows) for taken in land(home, Window(ended, ended + HOUR))] == [("events", 1)]


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


def test_what_a_tick_took_in_too_late_to_decide_it_is_not_forgotten(ticked: tuple[Home, datetime]) -> None:
    """The hour ends, an event comes in, and the tick of that hour lands it: it is of the next window."""
    home, ended = ticked
    with collecting(home.root, lambda: ended + timedelta(seconds=70)) as serving:
        assert serving.post("/v1/events", {"event": "Event Registered", "user_id": "ann"}).status_code == 200
    land_collected(home)
    watch = look(home, Watch(), {"Event Registered"})
    assert watch.newest == ended + timedelta(seconds=70)
    now = ended + timedelta(seconds=90, milliseconds=400)
    assert urgent_window(home, watch, now) == Window(ended, ended + timedelta(seconds=91))
    assert urgent_window(home, watch.answered(), now) is None
    assert look(home, watch, {"Another"}) == Watch({}, watch.newest), "what was seen stays seen"
    assert Watch.from_text(str(watch.answered())) == watch.answered()


def test_what_the_tick_of_its_hour_decided_needs_no_other(ticked: tuple[Home, datetime]) -> None:
    home, ended = ticked
    for before, is_due in ((timedelta(minutes=5), False), (timedelta(milliseconds=400), True)):
        watch = Watch({}, ended - before)
        found = urgent_window(home, watch, ended + timedelta(minutes=2))
        assert (found is not None) == is_due, "within its last second it may have come after"


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


def test_without_a_key_it_says_that_no_events_are_taken(
    home: Home, run_command: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOURBELL_WRITE_KEY", raising=False)
    served: list[str] = []
    monkeypatch.setattr(command, "serve", lambda factory, *_: served.append(factory))
    code, said = run_command("collect", "--port", "0")
    assert (code, served) == (0, ["dagster_project.collect:app"])
    assert "no events are taken until HOURBELL_WRITE_KEY is set" in " ".join(said.split())
