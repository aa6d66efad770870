"""What was answered with 200 is on disk, whatever happens to the collector, and lands once."""

import asyncio
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import requests
from collecting import KEY, NOW, Collecting, collecting
from collector_process import cut_power

from activations.collector import store as store_module
from activations.collector.sealing import DAMAGED, seal_collected
from activations.collector.store import CollectedLog, Store, StoreBusyError
from activations.durable import checked
from activations.errors import HourbellError
from dagster_project.landing.load import load

TESTS = Path(__file__).resolve().parents[1]


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {"message_id": f"m{number}", "type": "track", "event": "E", "user_id": "u1", "occurred_at": NOW, **changes}


def line(*rows: dict[str, Any]) -> bytes:
    """As the store writes it."""
    return checked(
        orjson.dumps({"parts": [{"table": "events", "rows": [{**each, "loaded_at": NOW} for each in rows]}]})
    )


def kept(folder: Path) -> list[str]:
    """The ids of all that was collected, in the order in which it came."""
    return [event["message_id"] for event in Collecting("", folder / "collected", folder / "spool").rows()]


def append(folder: Path, *batches: Sequence[dict[str, Any]], log: CollectedLog | None = None) -> None:
    async def all_at_once() -> None:
        store = Store(log or CollectedLog(folder / "collected"), lambda: NOW)
        await asyncio.gather(*(store.append("events", batch) for batch in batches))
        await store.close()

    asyncio.run(all_at_once())


def test_all_that_waits_is_written_with_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = []
    monkeypatch.setattr("activations.durable.os.fsync", lambda handle: syncs.append(handle))
    append(tmp_path, *([row(number)] for number in range(50)))
    assert len(syncs) == 3, "two of folders, and one for all the lines"
    assert kept(tmp_path) == [f"m{number}" for number in range(50)]


def test_what_a_tick_takes_away_is_whole_while_the_collector_goes_on(tmp_path: Path) -> None:
    log = CollectedLog(tmp_path / "collected")
    taken = []
    for number in range(5):
        for each in (2 * number, 2 * number + 1):
            log.append(line(row(each)))
        taken.append(len(seal_collected(tmp_path / "collected", tmp_path / "spool")))
    log.close()
    assert taken == [1, 1, 1, 1, 1]
    assert kept(tmp_path) == [f"m{number}" for number in range(10)]
    assert not list((tmp_path / "collected").glob("*.jsonl*")), "what waits in the spool is not kept twice"


def test_a_file_that_is_full_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_FILE_BYTES", 500)
    log = CollectedLog(tmp_path / "collected")
    for number in range(9):
        append(tmp_path, [row(number)], log=log)
        log = CollectedLog(tmp_path / "collected") if number == 4 else log
    assert len(list((tmp_path / "collected").glob("*.jsonl"))) > 2
    assert sorted(kept(tmp_path)) == sorted(f"m{number}" for number in range(9))


def test_a_line_that_a_crash_left_unfinished_is_not_believed(tmp_path: Path) -> None:
    append(tmp_path, [row(1)])
    [path] = (tmp_path / "collected").glob("*.jsonl")
    whole = path.read_bytes()
    for torn in (whole[:-1], whole[: len(whole) // 2], b"\0" * 4096, b"\0" * 100 + b"\n"):
        path.write_bytes(whole + torn)
        assert kept(tmp_path) == ["m1"], "and the file is not there any more"
        assert not list((tmp_path / "collected").glob("*.jsonl*"))


def test_damage_in_the_middle_loses_only_itself_and_is_kept_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = CollectedLog(tmp_path / "collected")
    for number in range(3):
        append(tmp_path, [row(number)], log=log)
        log = CollectedLog(tmp_path / "collected")
    paths = sorted((tmp_path / "collected").glob("*.jsonl"))
    first, second, third = (path.read_bytes() for path in paths)
    for path in paths[1:]:
        path.unlink()
    paths[0].write_bytes(first + second.replace(b'"m1"', b'"m7"') + third)
    assert kept(tmp_path) == ["m0", "m2"]
    [damaged] = (tmp_path / "collected").glob(f"*{DAMAGED}")
    assert damaged.name in caplog.text
    assert kept(tmp_path) == ["m0", "m2"], "it is not read again"


def test_sealing_that_is_interrupted_is_done_again_and_lands_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, [row(1), row(2)])
    unlink = Path.unlink

    def die(path: Path, missing_ok: bool = False) -> None:
        if ".jsonl" in path.name:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            seal_collected(tmp_path / "collected", tmp_path / "spool")
    loaded = load(tmp_path / "spool", tmp_path / "landing", NOW)
    assert seal_collected(tmp_path / "collected", tmp_path / "spool")
    again = load(tmp_path / "spool", tmp_path / "landing", NOW)
    assert [(file.rows, file.is_new) for file in loaded + again] == [(2, True), (2, False)]


def test_what_could_not_land_lands_with_the_next_tick(tmp_path: Path) -> None:
    """Also where whatever else waits in the spool was in its way, and where the spool was lost meanwhile."""
    collected, spool = tmp_path / "collected", tmp_path / "spool"
    append(tmp_path, [row(1)])

    def land() -> None:
        raise HourbellError("something else is in the way")

    with pytest.raises(HourbellError, match="in the way"):
        seal_collected(collected, spool, land)
    shutil.rmtree(spool)
    landed = []
    seal_collected(collected, spool, lambda: landed.extend(load(spool, tmp_path / "landing", NOW)))
    assert [file.rows for file in landed] == [1]
    assert seal_collected(collected, spool, land) == [], "it has landed, and nothing more waits"


def test_what_a_full_disk_does_not_take_is_not_accepted_and_loses_nothing(tmp_path: Path) -> None:
    class FullLog(CollectedLog):
        is_full = False

        def _write(self, file: Any, line: bytes) -> None:
            if self.is_full:
                file.write(line[:10])
                raise OSError(28, "No space left on device")
            super()._write(file, line)

    log = FullLog(tmp_path / "collected")
    with collecting(tmp_path, log=log) as collector:
        event = {"event": "E", "user_id": "u1"}
        assert collector.post("/v1/events", {**event, "id": 1}).status_code == 200
        log.is_full = True
        refused = collector.post("/v1/events", {**event, "id": 2})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert "No space left" in refused.json()["error"]
        log.is_full = False
        assert collector.post("/v1/events", {**event, "id": 3}).status_code == 200
    assert kept(tmp_path) == ["shop:1", "shop:3"]


def test_what_is_under_way_when_the_collector_stops_is_answered(tmp_path: Path) -> None:
    class SlowLog(CollectedLog):
        def _write(self, file: Any, line: bytes) -> None:
            begun.set()
            time.sleep(0.3)
            super()._write(file, line)

    begun, answers = threading.Event(), []
    with collecting(tmp_path, log=SlowLog(tmp_path / "collected")) as collector:
        event = {"id": 1, "event": "E", "user_id": "u1"}
        sending = threading.Thread(target=lambda: answers.append(collector.post("/v1/events", event)))
        sending.start()
        assert begun.wait(60)
    sending.join()
    assert [answer.status_code for answer in answers] == [200]
    assert kept(tmp_path) == ["shop:1"]


def test_more_than_the_disk_can_take_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_WAITING_BYTES", 1000)

    async def flood() -> list[Any]:
        store = Store(CollectedLog(tmp_path / "collected"), lambda: NOW)
        answers = await asyncio.gather(
            *(store.append("events", [row(number)]) for number in range(100)), return_exceptions=True
        )
        await store.close()
        return answers

    answers = asyncio.run(flood())
    accepted = [f"m{number}" for number, answer in enumerate(answers) if answer is None]
    assert 0 < len(accepted) < 100
    assert {type(answer) for answer in answers} == {type(None), StoreBusyError}
    assert kept(tmp_path) == accepted


def test_a_table_or_column_that_is_not_in_the_contract_is_never_kept(tmp_path: Path) -> None:
    """Landing would refuse it, and all that waits beside it."""

    async def keep(table: str, rows: list[dict[str, Any]]) -> None:
        await Store(CollectedLog(tmp_path / "collected"), lambda: NOW).append(table, rows)

    with pytest.raises(HourbellError, match="colour"):
        asyncio.run(keep("events", [row(1, colour="red")]))
    with pytest.raises(HourbellError, match="visits"):
        asyncio.run(keep("visits", [row(1)]))
    assert not (tmp_path / "collected").exists()


def test_what_may_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "collected").write_text("in the way")
    with pytest.raises(HourbellError, match=str(tmp_path / "collected")):
        CollectedLog(tmp_path / "collected").append(checked(b'{"parts":[]}'))


def test_texts_of_any_kind_land_as_they_were(tmp_path: Path) -> None:
    names = ["\x00", "ä\u2028\n\r\t", '"\\', "😀", "' or 1=1 --"]
    append(tmp_path, [row(number, event=name, properties={"n": name}) for number, name in enumerate(names)])
    seal_collected(tmp_path / "collected", tmp_path / "spool")
    [file] = load(tmp_path / "spool", tmp_path / "landing", NOW)
    landed = pl.read_parquet(file.landed)
    assert file.faulty_rows == 0
    assert [orjson.loads(text)["n"] for text in landed["properties"]] == names
    assert landed["occurred_at"].to_list() == landed["loaded_at"].to_list() == [NOW] * len(names)


class Load:
    """Threads that send batches, and note which were answered with 200; what was not is sent again."""

    def __init__(self, port: int) -> None:
        self.acknowledged: set[str] = set()
        self.sent: Counter[str] = Counter()
        self._url = f"http://127.0.0.1:{port}/v1/batch"
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(name,)) for name in "abcd"]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _send(self, name: str) -> None:
        session = requests.Session()
        number = 0
        while not self._stopped.is_set():
            ids = [f"{name}{number}-{event}" for event in range(3)]
            batch = [{"type": "track", "event": "E", "userId": "u1", "messageId": each} for each in ids]
            self.sent.update(ids)
            try:
                answer = session.post(self._url, json={"batch": batch}, auth=(KEY, ""), timeout=5)
            except requests.RequestException:
                self._stopped.wait(0.02)
                continue
            assert answer.status_code == 200
            self.acknowledged.update(ids)
            number += 1


def survive(folder: Path, kills: int, *mode: str) -> tuple[Load, Counter[str]]:
    """Kill the collector under load at random moments, and cut the power each time; returns what landed how often."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    chance = random.Random(7)
    (folder / "spool").mkdir()
    with Load(port) as sending:
        for number in range(kills):
            known = len(sending.acknowledged)
            command = [sys.executable, str(TESTS / "collector_process.py"), str(folder), str(port), *mode]
            process = subprocess.Popen(command)
            try:
                deadline = time.monotonic() + 90
                while len(sending.acknowledged) < known + 60 and time.monotonic() < deadline:
                    time.sleep(0.002)
                    if number % 2:
                        seal_collected(folder / "collected", folder / "spool")
                time.sleep(chance.random() * 0.2)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            cut_power(folder / "collected")
    seal_collected(folder / "collected", folder / "spool")
    files = load(folder / "spool", folder / "landing", NOW) if any((folder / "spool").iterdir()) else []
    landed = Counter(message_id for file in files for message_id in pl.read_parquet(file.landed)["message_id"])
    return sending, landed


def assert_nothing_is_lost(sending: Load, landed: Counter[str]) -> None:
    assert len(sending.acknowledged) > 100
    lost = sending.acknowledged - set(landed)
    assert not lost, f"{len(lost)} of {len(sending.acknowledged)} were acknowledged and are gone"
    twice = {each for each, times in landed.items() if times > 1 and sending.sent[each] == 1}
    assert not twice, "what was sent once has landed once"


def test_killing_the_collector_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    sending, landed = survive(tmp_path, 3)
    assert_nothing_is_lost(sending, landed)
    assert set(landed) <= set(sending.sent)


def test_a_collector_that_answers_before_it_syncs_is_caught(tmp_path: Path) -> None:
    sending, landed = survive(tmp_path, 1, "late")
    with pytest.raises(AssertionError, match="acknowledged and are gone"):
        assert_nothing_is_lost(sending, landed)
