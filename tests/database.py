"""A PostgreSQL server of our own for the tests, where its programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_USER = "postgres"
_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def programs() -> Path | None:
    """Where initdb and pg_ctl are; None where they are not installed."""
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else (_INSTALLED[-1] if _INSTALLED else None)


@contextmanager
def server() -> Iterator[int]:
    """A server on loopback, and its port; skips where there can be none."""
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    # it refuses to run as root
    user: str | None = None
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(_USER)
        except KeyError:
            pytest.skip("there is no user that PostgreSQL could run as")
        user = _USER
    folder = Path(tempfile.mkdtemp(prefix="hourbell-postgresql-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data, port = folder / "data", _free_port()
        _run(user, where / "initdb", "-D", data, "-U", _USER, "-A", "trust", "--no-sync")
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
        _run(user, where / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield port
        finally:
            _run(user, where / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(user: str | None, *command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Line:
    """A line to the server that breaks at the next commit: before it arrives, or after it was done."""

    port: int
    armed: str | None = None
    broken: int = 0
    _listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def own_port(self) -> int:
        return int(self._listening.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._up, args=(client, upstream), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _up(self, client: socket.socket, upstream: socket.socket) -> None:
        silenced = threading.Event()
        down = threading.Thread(target=_copy, args=(upstream, client, silenced), daemon=True)
        down.start()
        with client, upstream:
            while data := _received(client):
                if self.armed is not None and b"COMMIT" in data:
                    when, self.armed = self.armed, None
                    self.broken += 1
                    # nothing of the answer goes back, and the client only sees the end when all is done
                    silenced.set()
                    if when == "after":
                        upstream.sendall(data)
                        upstream.shutdown(socket.SHUT_WR)
                        down.join(10)
                    else:
                        upstream.shutdown(socket.SHUT_RDWR)
                    client.shutdown(socket.SHUT_RDWR)
                    return
                upstream.sendall(data)


def _copy(source: socket.socket, target: socket.socket, silenced: threading.Event) -> None:
    while data := _received(source):
        if silenced.is_set():
            continue
        try:
            target.sendall(data)
        except OSError:
            continue


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""
