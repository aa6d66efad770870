"""Tokens by which a page or an app shows whom it asks for: JSON Web Tokens that the shop's own server signs."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

AUDIENCE = "hourbell"
_ALGORITHM = "HS256"
_PURPOSE = b"hourbell contact tokens"


@dataclass(frozen=True)
class Viewer:
    """Who asks: by our own id, or by the one that the business gives."""

    contact_id: int | None = None
    user_id: str | None = None


def token_key(link_key: bytes) -> bytes:
    """What signs tokens: made from the link key, so that whoever has it can still make no link of a message."""
    return hmac.digest(link_key, _PURPOSE, "sha256")


def contact_token(viewer: Viewer, link_key: bytes, until: datetime) -> str:
    """A token that is good until a moment (naive UTC)."""
    named = {"user_id": viewer.user_id} if viewer.user_id is not None else {"contact_id": str(viewer.contact_id)}
    claims = {**named, "aud": AUDIENCE, "exp": int(until.replace(tzinfo=UTC).timestamp())}
    return jwt.encode(claims, token_key(link_key), _ALGORITHM)


def viewer_of(token: str, link_key: bytes, now: datetime) -> Viewer | None:
    """Whose token it is; None where it was not signed by us, names nobody or two, or is good no more."""
    try:
        # the clock is the one that is handed in
        claims: Mapping[str, object] = jwt.decode(
            token,
            token_key(link_key),
            [_ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["exp", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.InvalidTokenError:
        return None
    until, user_id, contact_id = (claims.get(name) for name in ("exp", "user_id", "contact_id"))
    if type(until) is not int or until <= now.replace(tzinfo=UTC).timestamp():
        return None
    if isinstance(user_id, str) and user_id and contact_id is None:
        return Viewer(user_id=user_id)
    if user_id is None and isinstance(contact_id, str) and contact_id.removeprefix("-").isdecimal():
        return Viewer(contact_id=int(contact_id))
    return None
