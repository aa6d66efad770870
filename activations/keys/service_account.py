"""Access to Google's APIs by a service account: a signed statement, exchanged for a token that lives an hour."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activations.errors import HourbellError
from activations.transport.http import AnswerLostError, HttpPool

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = "https://oauth2.googleapis.com/token"
"""Wherever the token is asked for."""
_LIFE = timedelta(hours=1)
_EARLY = timedelta(minutes=1)
"""So long before its end a token is not used any more."""
_ANSWER_BYTES = 8_000
_HEADERS = {
    "content-type": "application/x-www-form-urlencoded",
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "Hourbell",
}


class AccessRefusedError(HourbellError):
    """The account is not let in."""


class AccessUnknownError(HourbellError):
    """There is no token now, and perhaps another time."""


@dataclass(frozen=True)
class ServiceAccount:
    """Who asks for a token, and where."""

    email: str
    key: RSAPrivateKey = field(repr=False)
    key_id: str
    token_url: str


def read_service_account(path: Path) -> ServiceAccount:
    """The account of a key file as Google's console gives it out; raises HourbellError, which never quotes the key."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        key = load_pem_private_key(stated["private_key"].encode(), password=None)
        account, key_id, token_url = (str(stated[name]) for name in ("client_email", "private_key_id", "token_uri"))
    except OSError as error:
        raise HourbellError(f"{path} cannot be read: {error.strerror}. Give yourself rights to it.") from error
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        # what is wrong with a key is not to be told with the key
        raise HourbellError(
            f"{path} is no key file of a service account. Make a new one in Google's console."
        ) from None
    if not isinstance(key, RSAPrivateKey) or not token_url.startswith("https://"):
        raise HourbellError(f"{path} is no key file of a service account. Make a new one in Google's console.")
    return ServiceAccount(account, key, key_id, token_url)


def sandbox_account(token_url: str) -> ServiceAccount:
    """An account that only the sandbox lets in."""
    return ServiceAccount("sandbox@hourbell.example", _sandbox_key(), "sandbox", token_url)


@lru_cache
def _sandbox_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


class AccessToken:
    """A token for one scope, asked for when it is needed and kept until it ends."""

    def __init__(self, account: ServiceAccount, scope: str, pool: HttpPool, now: Callable[[], datetime]) -> None:
        self._account = account
        self._scope = scope
        self._pool = pool
        self._now = now
        self._token = ""
        self._until = datetime.min
        self._asking = asyncio.Lock()

    async def get(self) -> str:
        """The token; raises AccessRefusedError or AccessUnknownError where there is none."""
        async with self._asking:
            if self._now() >= self._until:
                self._token, life = await self._ask()
                self._until = self._now() + life - _EARLY
            return self._token

    def forget(self, token: str) -> None:
        """It was not taken, whatever its age."""
        if token == self._token:
            self._until = datetime.min

    async def _ask(self) -> tuple[str, timedelta]:
        body = urlencode({"assertion": self._assertion(), "grant_type": _GRANT}).encode()
        try:
            said = await self._pool.post(self._account.token_url, _HEADERS, body, _ANSWER_BYTES)
        except AnswerLostError as error:
            raise AccessUnknownError(f"no token for {self._account.email}: {error}") from error
        if 200 <= said.status < 300:
            try:
                granted = json.loads(said.text)
                return str(granted["access_token"]), timedelta(seconds=int(granted["expires_in"]))
            except (ValueError, TypeError, KeyError) as error:
                raise AccessUnknownError(f"no token for {self._account.email} in the answer") from error
        told = f"{said.status} {' '.join(said.text.split())}"[:200]
        if said.status < 500 and said.status != 429:
            raise AccessRefusedError(f"{self._account.email} is not let in: {told}. Mend its key or its rights.")
        raise AccessUnknownError(f"no token for {self._account.email}: {told}")

    def _assertion(self) -> str:
        at = self._now().replace(tzinfo=UTC)
        claims = {
            "iss": self._account.email,
            "scope": self._scope,
            "aud": _AUDIENCE,
            "iat": int(at.timestamp()),
            "exp": int((at + _LIFE).timestamp()),
        }
        return jwt.encode(claims, self._account.key, "RS256", headers={"kid": self._account.key_id})
