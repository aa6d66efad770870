"""Access tokens by OAuth 2: fetched when they are needed, kept until they end or are refused."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from activations.delivery.patience import Pace
from activations.errors import HourbellError
from activations.transport.http import AnswerLostError, HttpAnswer, HttpPool

_ANSWER_BYTES = 10_000
_LIFETIME = 3_600.0
_EARLY = 60.0
"""Seconds before its end at which a token is not used any more."""
_REFUSED = 401


class AccessRefusedError(HourbellError):
    """The account is not let in."""


class AccessUnknownError(HourbellError):
    """There is no token now, and perhaps another time."""


Grant = Callable[[], Mapping[str, str]]
"""The form that a token is asked for with."""


@dataclass
class AccessTokens:
    """The token of one account, by one of OAuth's grants; `mend` is what to do where none is given."""

    pool: HttpPool
    url: str
    grant: Grant = field(repr=False)
    now: Callable[[], datetime]
    mend: str
    _token: str | None = field(default=None, init=False, repr=False)
    _until: datetime | None = field(default=None, init=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def token(self) -> str:
        """The token that counts now; raises AccessRefusedError or AccessUnknownError where there is none to be had."""
        if (token := self._good_token()) is not None:
            return token
        # of many calls at once one asks
        async with self._asking:
            if (token := self._good_token()) is None:
                token, lifetime = await self._fetch()
                self._token, self._until = token, self.now() + timedelta(seconds=max(0.0, lifetime - _EARLY))
            return token

    def forget(self, token: str) -> None:
        """It was refused; the next call gets another."""
        if token == self._token:
            self._token = None

    def _good_token(self) -> str | None:
        return self._token if self._until is not None and self.now() < self._until else None

    async def _fetch(self) -> tuple[str, float]:
        form = urlencode(self.grant()).encode()
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "Hourbell",
        }
        try:
            said = await self.pool.post(self.url, headers, form, _ANSWER_BYTES)
        except AnswerLostError as error:
            raise AccessUnknownError(f"No access token came: {error}. Deliver again.") from error
        stated = _stated(said.text)
        token = stated.get("access_token")
        if said.status != 200 or not isinstance(token, str) or not token.isprintable():
            why = stated.get("error_description") or stated.get("error") or said.reason
            told = f"No access token was given: {said.status} {why}"
            if said.status >= 500 or said.status in (200, 429):
                raise AccessUnknownError(f"{told}. Deliver again.")
            raise AccessRefusedError(f"{told}: {self.mend}.")
        lifetime = stated.get("expires_in")
        return token, float(lifetime) if isinstance(lifetime, int | float) else _LIFETIME


@dataclass(frozen=True)
class AuthorisedPool:
    """Calls with a token, at the pace that a provider takes; where the token is refused, once more with a new one."""

    pool: HttpPool
    token: Callable[[], Awaitable[str]] = field(repr=False)
    forget: Callable[[str], None] | None = field(default=None, repr=False)
    pace: Pace | None = None

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, read: int = 0, method: str = "POST"
    ) -> HttpAnswer:
        token = await self.token()
        said = await self._call(token, url, headers, body, read, method)
        if said.status != _REFUSED or self.forget is None:
            return said
        self.forget(token)
        return await self._call(await self.token(), url, headers, body, read, method)

    async def _call(
        self, token: str, url: str, headers: Mapping[str, str], body: bytes, read: int, method: str
    ) -> HttpAnswer:
        if self.pace is not None:
            await self.pace.wait()
        return await self.pool.post(url, {**headers, "authorization": f"Bearer {token}"}, body, read, method)


def _stated(text: str) -> Mapping[str, Any]:
    try:
        stated = json.loads(text or "{}")
    except ValueError:
        return {}
    return stated if isinstance(stated, dict) else {}
