"""One SMTP connection: hand over a message in as few round trips as the server allows.

aiosmtplib connects, encrypts and authenticates; the dialogue then takes the connection over, because a mail at a time
in lock-step is what limits that library. Where the server pipelines (RFC 2920), MAIL, RCPT and DATA go out together
here, right behind the end of the message before. A message itself is sent only when that one is answered and its own
go-ahead is there: so one at most is in doubt when a connection dies.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from activations.mime import WithoutDots

_REPLY_LIMIT = 64 * 1024
_DOT_AFTER_BREAK = re.compile(rb"\n\.")
_BEGINNING_OF_REPLY = re.compile(r"[2-5]\d\d(?:[ -]|$)")

Verdict = Literal["accepted", "rejected", "retry", "sender refused", "not sent", "in doubt"]


class Reply(NamedTuple):
    """What the server said."""

    code: int
    text: str

    @property
    def is_success(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_final(self) -> bool:
        """Whether asking again would be answered the same."""
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Handover(NamedTuple):
    """How the handing over of one message ended: `not sent` is certain, `in doubt` is not."""

    verdict: Verdict
    text: str
    announced_ahead: Literal["lost", "unanswered"] | None = None
    """How the connection ended before a message was sent that had only been announced behind another, which says
    nothing of it: the server left, or did not say a word to it."""


class ConnectionLostError(ConnectionError):
    """The server went away, or stopped making sense."""


class NoAnswerError(ConnectionLostError):
    """The server is there, and does not answer in time."""


class Dialogue(asyncio.Protocol):
    """Speaks over a connection on which the server has been greeted. `timeout` is in seconds, for each reply."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool, timeout: float) -> None:
        self._transport = transport
        self._pipelining = pipelining
        self._timeout = timeout
        self._rest = b""
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._late_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._lost: Exception | None = None
        self._unfinished = False
        self._announced: str | None = None
        transport.set_protocol(self)

    @property
    def is_usable(self) -> bool:
        return self._lost is None and not self._transport.is_closing()

    async def hand_over(self, sender: str, recipient: str, content: bytes, then: str | None = None) -> Handover:
        """Send one message (lines end with CRLF) to one recipient.

        `then` is the recipient of the next one, which must be handed over next, from the same sender: it is announced
        behind this one where the server pipelines, which saves a round trip.
        """
        if self._announced != recipient and _ends_command(sender + recipient):
            return Handover("rejected", "the address would end the command that it stands in")
        announced, self._announced = self._announced, None
        try:
            refused = await self._announce(sender, recipient, announced)
            if refused is None:
                following = b""
                if then is not None and self._pipelining and not _ends_command(sender + then):
                    following = _envelope(sender, then)
                    self._unfinished, self._announced = True, then
                self._write(_ended(content) + following)
        except ConnectionLostError as error:
            self.close()
            how: Literal["lost", "unanswered"] = "unanswered" if isinstance(error, NoAnswerError) else "lost"
            return Handover("not sent", str(error), how if announced is not None else None)
        if refused is not None:
            if refused.text.startswith("421") or not self.is_usable:
                self.close()
            return refused
        try:
            reply = await self._reply()
            verdict = _verdict(reply)
        except ConnectionLostError as error:
            self.close()
            return Handover("in doubt", str(error))
        if reply.code == 421:
            self.close()
        return Handover(verdict, reply.text if reply.is_success else str(reply))

    async def quit(self) -> None:
        """Part as the protocol asks for; a server that has gone is no concern any more."""
        if self.is_usable:
            try:
                self._write(b"QUIT\r\n")
                await self._reply()
            except ConnectionLostError:
                pass
        self.close()

    def close(self) -> None:
        self._lost = self._lost or ConnectionLostError("the connection was closed")
        self._transport.close()

    async def _announce(self, sender: str, recipient: str, announced: str | None) -> Handover | None:
        """Name sender and recipient and ask to send; None where the server waits for the message."""
        if announced == recipient:
            replies = [await self._reply(), await self._reply(), await self._reply()]
        elif announced is not None:
            raise ConnectionLostError("another message was announced")
        else:
            replies = await self._say(_envelope(sender, recipient).splitlines(keepends=True))
        mail, *rest = replies
        if not mail.is_success:
            return Handover("sender refused" if mail.is_final else _verdict(mail), str(mail))
        if not rest[0].is_success:
            if len(rest) > 1 and rest[1].code == 354:
                # the server takes a message for nobody: it gets an empty one
                self._write(b".\r\n")
                await self._reply()
            return Handover(_verdict(rest[0]), str(rest[0]))
        if rest[1].is_success or self._replies:
            # whoever is out of step would take one answer for another
            raise ConnectionLostError(f"the server said something else than a go-ahead: {(*self._replies, rest[1])[0]}")
        if rest[1].code != 354:
            return Handover(_verdict(rest[1]), str(rest[1]))
        self._unfinished = False
        return None

    async def _say(self, commands: Sequence[bytes]) -> list[Reply]:
        """The replies to the commands of an envelope, as far as they were said."""
        if self._unfinished:
            self._write(b"RSET\r\n")
            if not (await self._reply()).is_success:
                raise ConnectionLostError("the server would not begin anew")
        self._unfinished = True
        if self._pipelining:
            self._write(b"".join(commands))
            return [await self._reply() for _ in commands]
        replies: list[Reply] = []
        for command in commands:
            self._write(command)
            replies.append(await self._reply())
            if not replies[-1].is_success:
                break
        return replies

    async def _reply(self) -> Reply:
        if not self._replies:
            if self._lost is not None:
                raise self._lost
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            self._late_at = loop.time() + self._timeout
            if self._watch is None:
                self._watch = loop.call_at(self._late_at, self._look_at_watch, loop)
            await self._waiter
        return self._replies.popleft()

    def _look_at_watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Whether what is waited for is late: looked at once in a while, as a timer for each reply takes its time."""
        self._watch = None
        if self._waiter is None or self._waiter.done():
            return
        if loop.time() >= self._late_at:
            self._fail(NoAnswerError("the server did not answer in time"))
        else:
            self._watch = loop.call_at(self._late_at, self._look_at_watch, loop)

    def _write(self, data: bytes) -> None:
        if self._lost is not None:
            raise self._lost
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            read = _line(line)
            if read is None:
                said = line.rstrip(b"\r").decode("utf-8", "replace")
                self._fail(ConnectionLostError(f"the server answered with something else than SMTP: {said[:80]!r}"))
                return
            code, text, is_last = read
            self._lines.append(text)
            if is_last:
                self._replies.append(Reply(code, " ".join(self._lines).strip()))
                self._lines = []
                self._wake()
        if len(self._rest) > _REPLY_LIMIT or len(self._lines) > _REPLY_LIMIT // 64:
            self._fail(ConnectionLostError("the server's answer has no end"))

    def connection_lost(self, error: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._fail(ConnectionLostError(f"the connection was lost{f': {error}' if error else ''}"))

    def _fail(self, error: ConnectionLostError) -> None:
        self._lost = self._lost or error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._lost)
        self._waiter = None
        self._transport.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None


def _envelope(sender: str, recipient: str) -> bytes:
    """The commands before a message, a line each."""
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()


@lru_cache(maxsize=100)
def _line(line: bytes) -> tuple[int, str, bool] | None:
    """Code and text of a line of a reply, and whether it is its last; None where it is no such line. Kept, as servers
    say the same to most commands."""
    text = line.rstrip(b"\r").decode("utf-8", "replace")
    if not _BEGINNING_OF_REPLY.match(text):
        return None
    return int(text[:3]), text[4:], text[3:4] != "-"


def _ends_command(addresses: str) -> bool:
    return not addresses.isprintable() or ">" in addresses


def _ended(content: bytes) -> bytes:
    """A message as it is sent, and its end."""
    if not isinstance(content, WithoutDots):
        content = _with_dots_doubled(content)
    # without it the end would not be one, and what follows would be taken for the message
    return content + (b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")


def _with_dots_doubled(content: bytes) -> bytes:
    """A dot at the beginning of a line is written twice."""
    # a pattern looks for one three times as quickly as bytes do
    if _DOT_AFTER_BREAK.search(content):
        content = content.replace(b"\n.", b"\n..")
    return b"." + content if content.startswith(b".") else content


def _verdict(reply: Reply) -> Verdict:
    """What a command's reply means; raises ConnectionLostError where it is none that this command can have."""
    if reply.is_success:
        return "accepted"
    if reply.code < 400:
        raise ConnectionLostError(f"the server is out of step: {reply}")
    return "rejected" if reply.is_final else "retry"
