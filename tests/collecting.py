"""A collector that serves in a thread, and what it has kept."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import requests
import uvicorn

from activations.collector.app import create_app
from activations.collector.collector import Collector
from activations.collector.sealing import seal_collected
from activations.collector.store import CollectedLog, Store
from activations.collector.write_keys import WriteKeys
from activations.delivery.delivery import TEMPLATES
from activations.settings.environment import silent_profile

KEY, OTHER_KEY = "write-key-of-the-shop", "write-key-of-the-till"
KEYS = WriteKeys({"shop": KEY, "till": OTHER_KEY}, frozenset({"website"}))
NOW = datetime(2026, 3, 2, 9, 30)


@dataclass(frozen=True)
class Collecting:
    """A collector at work, and where it keeps what comes in."""

    url: str
    folder: Path
    spool: Path

    def post(self, path: str, body: Any, key: str | None = KEY, **options: Any) -> requests.Response:
        """Post JSON, or bytes as they are, with the key as the user of basic authentication."""
        headers = {"content-type": "application/json", **options.pop("headers", {})}
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        auth = None if key is None else (key, "")
        return requests.post(f"{self.url}{path}", data=data, headers=headers, auth=auth, timeout=60, **options)

    def rows(self, table: str = "events") -> list[dict[str, Any]]:
        """All that was kept until now, in the order in which it came, with its JSON read."""
        seal_collected(self.folder, self.spool)
        files = sorted((self.spool / table).glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
        rows = [row for path in files for row in pl.read_parquet(path).to_dicts()]
        return [{name: _read(name, value) for name, value in row.items()} for row in rows]

    def by_id(self) -> Mapping[str, dict[str, Any]]:
        return {row["message_id"]: row for row in self.rows()}


def _read(name: str, value: str | None) -> Any:
    return orjson.loads(value) if value is not None and name in ("properties", "traits", "context") else value


def collector_in(
    folder: Path, now: Callable[[], datetime] = lambda: NOW, log: CollectedLog | None = None, **more: Any
) -> Collector:
    """A collector that keeps what comes in under a folder."""
    collector = Collector(
        write_keys=KEYS,
        profile=silent_profile(folder / "sandbox", {}),
        templates=TEMPLATES,
        now=now,
        store=Store(log or CollectedLog(folder / "collected"), now),
        workflows=frozenset({"welcome_series"}),
    )
    return replace(collector, **more)


@contextmanager
def collecting(
    folder: Path, now: Callable[[], datetime] = lambda: NOW, log: CollectedLog | None = None, **more: Any
) -> Iterator[Collecting]:
    """Serve a collector on a free port until the block ends."""
    app = create_app(collector_in(folder, now, log, **more))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield Collecting(f"http://127.0.0.1:{listening.getsockname()[1]}", folder / "collected", folder / "spool")
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
