"""Serve the collector: in this process, or in several that share one socket."""

import multiprocessing
import os
import signal
import socket
import threading

import uvicorn
from uvicorn.supervisors import Multiprocess

from activations.errors import HourbellError

DRAIN_SECONDS = 20
_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that the collector can be served on; raises HourbellError where there can be none."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # from here on callers wait for the workers, and are not sent away
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise HourbellError(
            f"The collector cannot listen on {host}:{port}: {error.strerror}. Give it another --port or --host."
        ) from error
    listening.set_inheritable(True)
    return listening


def serve(factory: str, listening: socket.socket, workers: int) -> None:
    """Serve what a factory makes, named as module:function, until this process is told to stop (SIGTERM, SIGINT).

    Then nothing new is accepted, and what is under way is answered.
    """
    config = uvicorn.Config(
        factory,
        factory=True,
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        # a worker that has not imported all it needs does not answer yet, and is no hung one
        timeout_worker_healthcheck=60,
        # whoever is in front of us may say who called, but nothing here goes by that
        proxy_headers=False,
    )
    for told in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises it again when it has stopped, where it would end us before the caller has gone on
        signal.signal(told, lambda *_: None)
    if workers > 1:
        Multiprocess(config, [listening]).run()
        return
    server = uvicorn.Server(config)
    server.run([listening])
    if not server.started:
        raise HourbellError("The collector did not start; what is written above says why.")


def end_with_parent() -> None:
    """Let a worker stop in good order when the process that began it is gone, or it would keep the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end with parent", daemon=True).start()
