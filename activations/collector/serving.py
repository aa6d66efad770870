"""Serve the collector: in this process, or in several that share one socket."""

import signal
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

from activations.errors import HourbellError

DRAIN_SECONDS = 20


def listen(host: str, port: int) -> socket.socket:
    """A socket that the collector can be served on; raises HourbellError where there can be none."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
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
        timeout_graceful_shutdown=DRAIN_SECONDS,
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
