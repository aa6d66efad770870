"""Hand over messages to one mail server, over a few connections that are kept."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import cast

import aiosmtplib

from activations.channels.face import Answer, Message
from activations.delivery.patience import spread
from activations.errors import HourbellError
from activations.settings.profile import Profile
from activations.transport.dialogue import Dialogue, Handover
from activations.transport.guard import HostUnavailableError, open_socket

CONNECTIONS = 4
TIMEOUT = 60.0
_CONNECT_ATTEMPTS = 4
_CONNECT_DELAY = 0.1

log = logging.getLogger(__name__)


class ServerRefusalError(HourbellError):
    """The server will not take mail from us at all."""


async def connect(profile: Profile, *, local_hostname: str, timeout: float = TIMEOUT) -> Dialogue:
    """Connect to the profile's mail server, encrypt and log in as it says. `timeout` is in seconds, for each answer.

    Raises HostRefusedError where the profile does not allow the host, HostUnavailableError where it does not answer,
    and ServerRefusalError where it does and wants nothing of us.
    """
    server = profile.smtp
    client = aiosmtplib.SMTP(
        hostname=server.host,
        sock=await open_socket(profile, server.host, server.port, timeout),
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        username=server.username,
        password=server.password,
        # the default looks the name of this machine up
        local_hostname=local_hostname,
        timeout=timeout,
    )
    try:
        await client.connect()
        await client.ehlo()
    except aiosmtplib.SMTPAuthenticationError as error:
        client.close()
        # what the server says may quote what it was sent
        raise ServerRefusalError(
            f"{server.host} refuses the user name or the password (code {error.code}). Mend HOURBELL_SMTP_URL."
        ) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        code = getattr(error, "code", None)
        if isinstance(code, int) and code >= 500:
            raise ServerRefusalError(f"{server.host}:{server.port} refuses us: {error}.") from error
        raise HostUnavailableError(
            f"{server.host}:{server.port} cannot be used: {error}. Nothing was lost; deliver again when it is back."
        ) from error
    transport = client.transport
    if transport is None or transport.is_closing():
        raise HostUnavailableError(f"{server.host}:{server.port} went away at once. Deliver again when it is back.")
    return Dialogue(
        cast(asyncio.Transport, transport), pipelining=client.supports_extension("pipelining"), timeout=timeout
    )


class SmtpPool:
    """Several connections to one server, kept between batches."""

    def __init__(
        self, profile: Profile, sender: str, *, connections: int = CONNECTIONS, timeout: float = TIMEOUT
    ) -> None:
        self._profile = profile
        self._sender = sender
        self._connections = connections
        self._timeout = timeout
        self._idle: list[Dialogue] = []
        self._announces_ahead = True

    async def send(self, messages: Sequence[Message]) -> list[Answer]:
        """Hand over each message once and return an answer for each, in no particular order.

        Those that found no connection come back as `untried`, with the reason.
        """
        waiting = deque(messages)
        answers: list[Answer] = []
        workers = [self._work(waiting, answers) for _ in range(min(self._connections, len(waiting)))]
        problems = [
            problem for problem in await asyncio.gather(*workers, return_exceptions=True) if problem is not None
        ]
        for problem in problems:
            if not isinstance(problem, HourbellError):
                raise problem
        if waiting:
            answers += [Answer(message.action_id, "untried", str(problems[0])) for message in waiting]
        elif problems:
            # the server takes fewer connections than we wanted
            self._connections = max(1, self._connections - len(problems))
            log.warning("Going on with %d connections: %s", self._connections, problems[0])
        return answers

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*(dialogue.quit() for dialogue in idle))

    async def _work(self, waiting: deque[Message], answers: list[Answer]) -> None:
        dialogue: Dialogue | None = self._idle.pop() if self._idle else None
        kept = dialogue is not None
        while waiting:
            if dialogue is None or not dialogue.is_usable:
                dialogue, kept = await self._connect(), False
                continue  # the others may have taken the last message meanwhile
            await self._hand_over_in_turn(dialogue, waiting, answers, kept=kept)
        if dialogue is not None and dialogue.is_usable:
            self._idle.append(dialogue)

    async def _hand_over_in_turn(
        self, dialogue: Dialogue, waiting: deque[Message], answers: list[Answer], *, kept: bool
    ) -> None:
        """Hand over messages for as long as the connection lasts; what it did not come to stays in `waiting`."""
        message: Message | None = waiting.popleft()
        while message is not None:
            following = waiting.popleft() if waiting and self._announces_ahead else None
            handover = await dialogue.hand_over(
                self._sender, message.address, message.content, following.address if following else None
            )
            if following is not None and (handover.verdict == "sender refused" or not dialogue.is_usable):
                waiting.appendleft(following)
                following = None
            if handover.announced_ahead == "unanswered":
                self._announces_ahead = False
                log.warning("%s does not answer what is announced ahead: going on without", self._profile.smtp.host)
            if handover.verdict == "not sent" and (kept or handover.announced_ahead):
                # it had been closed while it was idle, or after the message before
                waiting.appendleft(message)
            elif handover.verdict == "sender refused":
                waiting.appendleft(message)
                dialogue.close()
                raise ServerRefusalError(
                    f"{self._profile.smtp.host} refuses the sender {self._sender}: {handover.text}. "
                    "Mend `sender` in shop.yml, or allow it there."
                )
            else:
                answers.append(_answer(message, handover))
            kept = False
            message = following
            if message is None and waiting and dialogue.is_usable:
                message = waiting.popleft()

    async def _connect(self) -> Dialogue:
        attempt = 0
        while True:
            try:
                return await connect(
                    self._profile, local_hostname=self._sender.rpartition("@")[2], timeout=self._timeout
                )
            except HostUnavailableError as error:
                attempt += 1
                if attempt == _CONNECT_ATTEMPTS:
                    raise
                log.info("Trying again: %s", error)
                await asyncio.sleep(_CONNECT_DELAY * 2**attempt * (0.5 + spread(f"{self._sender}/{attempt}")))


def _answer(message: Message, handover: Handover) -> Answer:
    match handover.verdict:
        case "accepted":
            return Answer(message.action_id, "accepted", provider_message_id=handover.text[:200])
        case "rejected":
            return Answer(message.action_id, "rejected", handover.text)
        case "in doubt":
            return Answer(message.action_id, "in doubt", handover.text)
        case _:
            return Answer(message.action_id, "retry", handover.text)
