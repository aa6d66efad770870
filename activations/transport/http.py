"""Call hosts that the profile allows, at the addresses that were checked, without following redirects."""

import asyncio
import base64
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from activations.errors import HourbellError
from activations.settings.profile import Profile
from activations.transport.guard import (
    HostRefusedError,
    HostUnavailableError,
    Resolve,
    allowed_addresses,
    is_loopback,
    is_public,
    resolve,
)

CONNECTIONS = 64
TIMEOUT = 30.0
_CONNECT_TIMEOUT = 10.0
_CONNECT_ATTEMPTS = 3
_CONNECT_DELAY = 0.1
_ANSWER_BYTES = 2_000
_PLAIN_HEADERS = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})
_SHORTEST_SECRET = 6


class AnswerLostError(Exception):
    """The request may have arrived; no answer came."""


class CertificateRefusedError(HourbellError):
    """The host is not who it says it is."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a host said; `text` is the beginning of it."""

    status: int
    reason: str
    headers: Mapping[str, str]
    text: str


class HttpPool:
    """Connections that are kept between batches. `timeout` is in seconds, for an answer."""

    def __init__(
        self, profile: Profile, *, connections: int = CONNECTIONS, timeout: float = TIMEOUT, resolve: Resolve = resolve
    ) -> None:
        self._profile = profile
        self._connections = connections
        self._timeout = timeout
        self._resolve = resolve
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, read: int = 0, method: str = "POST"
    ) -> HttpAnswer:
        """Call once, with these headers and what HTTP itself needs; of a success, so many bytes are read.

        Raises HostRefusedError, HostUnavailableError or CertificateRefusedError where nothing was sent, and
        AnswerLostError where nobody knows.
        """
        attempt = 0
        while True:
            try:
                return await self._post(url, headers, body, read, method)
            except HostUnavailableError:
                attempt += 1
                if attempt == _CONNECT_ATTEMPTS:
                    raise
                await asyncio.sleep(_CONNECT_DELAY * 2**attempt)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, read: int, method: str) -> HttpAnswer:
        try:
            async with self._open().request(
                method, _address(url), data=body, headers=headers, allow_redirects=False
            ) as response:
                text = ""
                wanted = _ANSWER_BYTES if response.status >= 300 else read
                if wanted:
                    text = _without_secrets((await _beginning(response, wanted)).decode("utf-8", "replace"), headers)
                    if not response.content.at_eof():
                        response.close()
                return HttpAnswer(response.status, response.reason or "", response.headers, text)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
            raise CertificateRefusedError(f"{error.host} cannot be trusted: {error}. Mend its certificate.") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            if isinstance(error.__cause__, _AddressRefusedError):
                raise HostRefusedError(str(error.__cause__)) from error
            raise HostUnavailableError(f"{aiohttp.client.URL(url).host} does not answer: {error}") from error
        except aiohttp.InvalidURL as error:
            raise HostRefusedError(f"{url!r} is no address.") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AnswerLostError(f"the answer was lost: {str(error) or type(error).__name__}") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    resolver=_Resolver(self._profile, self._resolve),
                    socket_factory=self._socket,
                ),
                timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=_CONNECT_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                # a proxy of the environment would connect where nobody has looked
                trust_env=False,
                auto_decompress=False,
            )
        return self._session

    def _socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """The last look, at the very address that is connected to; one that is written as a number is met only here."""
        family, kind, protocol, _, address = address_info
        is_allowed = is_public(address[0]) if self._profile.is_live else is_loopback(address[0])
        if not is_allowed:
            raise _AddressRefusedError(f"The profile {self._profile.name!r} does not reach the address {address[0]}.")
        return socket.socket(family, kind, protocol)


def _without_secrets(text: str, headers: Mapping[str, str]) -> str:
    """What a host said, without what it was sent: it may quote what let us in, and answers are kept and shown."""
    for name, value in headers.items():
        for secret in _secrets_in(name, value):
            text = text.replace(secret, "…")
    return text


@lru_cache(maxsize=1_000)
def _secrets_in(name: str, value: str) -> Sequence[str]:
    """What of a header nobody else is to read."""
    if name.lower() in _PLAIN_HEADERS:
        return ()
    secret = value.rpartition(" ")[2]
    found = [value, secret]
    if value.lower().startswith("basic "):
        with suppress(ValueError):
            found.append(base64.b64decode(secret).decode().partition(":")[2])
    return [each for each in found if len(each) >= _SHORTEST_SECRET]


async def _beginning(response: aiohttp.ClientResponse, wanted: int) -> bytes:
    """So many bytes of an answer, however they come."""
    text = b""
    while len(text) < wanted and (more := await response.content.read(wanted - len(text))):
        text += more
    return text


@lru_cache(maxsize=1_000)
def _address(url: str) -> URL:
    """Read once, as endpoints are few and calls many; raises HostRefusedError."""
    try:
        return URL(url)
    except ValueError as error:
        raise HostRefusedError(f"{url!r} is no address.") from error


class _AddressRefusedError(OSError):
    """As the connector wants it."""


class _Resolver(AbstractResolver):
    """Names become addresses that were checked."""

    def __init__(self, profile: Profile, resolve: Resolve) -> None:
        self._profile = profile
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            addresses = await allowed_addresses(self._profile, host, port, self._resolve, public_only=True)
        except HostUnavailableError as error:
            raise OSError(str(error)) from error
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, (address, _) in addresses
        ]

    async def close(self) -> None:
        """Nothing is held open."""
