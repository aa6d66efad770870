"""Access to Google's APIs by a service account: a signed statement, for which a token is given that lives an hour."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activations.errors import HourbellError
from activations.keys.access_tokens import Grant

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKENS = "https://oauth2.googleapis.com/token"
"""Whom the statement is for, wherever the token is asked for."""
_LIFE = timedelta(hours=1)


@dataclass(frozen=True)
class ServiceAccount:
    """Who asks for a token, and where."""

    email: str
    key: RSAPrivateKey = field(repr=False)
    key_id: str
    token_url: str = TOKENS


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


def grant_of(account: ServiceAccount, scope: str, now: Callable[[], datetime]) -> Grant:
    """How a token for one scope is asked for: with the account's word, signed by its key."""
    return lambda: {"grant_type": _GRANT, "assertion": _assertion(account, scope, now())}


def _assertion(account: ServiceAccount, scope: str, now: datetime) -> str:
    at = now.replace(tzinfo=UTC)
    claims = {
        "iss": account.email,
        "scope": scope,
        "aud": TOKENS,
        "iat": int(at.timestamp()),
        "exp": int((at + _LIFE).timestamp()),
    }
    return jwt.encode(claims, account.key, "RS256", headers={"kid": account.key_id} if account.key_id else None)
