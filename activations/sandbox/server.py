"""The sandbox's mail server: real SMTP on loopback."""

import asyncio
import logging
import re
import socket
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from activations.errors import HourbellError
from activations.sandbox.reply import HOST
from activations.sandbox.store import Arrival, Store

_SIZE_LIMIT = 32 * 1024 * 1024
_PLAIN_ADDRESS = re.compile(r"\s*<([\w.%+-]+@[\w.-]+)>\s*(.*)", re.ASCII)

# it would log each command, with the addresses
logging.getLogger("mail.log").setLevel(logging.WARNING)


def utc_now() -> datetime:
    """The time by the clock, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class Sandbox:
    """A mail server that accepts and keeps in a folder; a context manager that runs it in a thread of its own.

    `now` is the time that is noted as received. `refuse` may answer for a recipient, as in "550 5.1.1 no such user";
    `lose_answer` may say that the connection breaks after a recipient's message was kept and before that is said.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        now: Callable[[], datetime] = utc_now,
        refuse: Callable[[str], str | None] | None = None,
        lose_answer: Callable[[str], bool] | None = None,
    ) -> None:
        self.folder = folder
        self.host = HOST
        self.port = port
        self._now = now
        self._refuse = refuse
        self._lose_answer = lose_answer
        self._store: Store | None = None
        self._controller: _Controller | None = None

    def __enter__(self) -> Self:
        self._store = Store(self.folder)
        try:
            # asyncio turns Nagle's algorithm off only where the protocol is named
            listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self.host, self.port))
        except OSError as error:
            self._store.close()
            raise HourbellError(
                f"The sandbox cannot listen on {self.host}:{self.port}: {error.strerror}. Give it another port."
            ) from error
        self.port = listening.getsockname()[1]
        handler = _Handler(self._store, self._now, self._refuse, self._lose_answer)
        self._controller = _Controller(handler, listening)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._controller is not None:
            self._controller.stop()
        if self._store is not None:
            self._store.close()


class _Handler:
    """What the server does with what it is told."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        refuse: Callable[[str], str | None] | None,
        lose_answer: Callable[[str], bool] | None,
    ) -> None:
        self._store = store
        self._now = now
        self._refuse = refuse
        self._lose_answer = lose_answer
        self._arrivals: list[tuple[Arrival, asyncio.Future[int]]] = []

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self._refuse(address) if self._refuse is not None else None
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.content
        try:
            number = max(
                [
                    await self._keep(Arrival(envelope.mail_from or "", recipient, self._now(), content))
                    for recipient in envelope.rcpt_tos
                ]
            )
        except sqlite3.Error as error:
            return f"452 4.3.1 cannot be kept: {error}"
        if self._lose_answer is not None and any(self._lose_answer(recipient) for recipient in envelope.rcpt_tos):
            server.transport.abort()
        return f"250 2.0.0 kept as {number}"

    def _keep(self, arrival: Arrival) -> asyncio.Future[int]:
        """Keep what comes in at the same moment together; done when it is kept."""
        loop = asyncio.get_running_loop()
        if not self._arrivals:
            loop.call_soon(self._flush)
        future: asyncio.Future[int] = loop.create_future()
        self._arrivals.append((arrival, future))
        return future

    def _flush(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        waiting = [future for _, future in arrivals]
        try:
            numbers = self._store.append([arrival for arrival, _ in arrivals])
        except sqlite3.Error as error:
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
        else:
            for future, number in zip(waiting, numbers, strict=True):
                if not future.done():
                    future.set_result(number)


class _Controller(Controller):
    """Runs on a socket that is bound already, so that the system can choose the port."""

    def __init__(self, handler: _Handler, listening: socket.socket) -> None:
        host, port = listening.getsockname()
        super().__init__(handler, hostname=host, port=port, server_hostname="sandbox.localhost")
        self._listening = listening

    def factory(self) -> SMTP:
        return _Conversation(self.handler, data_size_limit=_SIZE_LIMIT, **self.SMTP_kwargs)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listening)


class _Conversation(SMTP):
    """aiosmtpd's, faster: that parses plain addresses by the full grammar, and reads a message line by line."""

    line_length_limit = _SIZE_LIMIT

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        plain = _PLAIN_ADDRESS.fullmatch(arg)
        return (plain[1], plain[2]) if plain else super()._getaddr(arg)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        if await self.check_helo_needed():
            return
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = bytearray()
        while not (content == b".\r\n" or content.endswith(b"\r\n.\r\n")):
            try:
                content += await self._reader.readuntil(b".\r\n")
            except asyncio.LimitOverrunError:
                await self.push("552 Error: too much mail data")
                self.transport.close()
                return
        self.envelope.content = bytes(content[:-3]).replace(b"\r\n..", b"\r\n.").removeprefix(b".")
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()
        await self.push(status)
