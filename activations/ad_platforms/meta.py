"""Custom Audiences of Meta, by the Marketing API: the users of a customer file, ten thousand a call."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from activations.ad_platforms.settings import FILE, AudienceSetting
from activations.channels.batches import Batches, Call, Entry, Said
from activations.channels.face import Answer, Setting
from activations.channels.receivers import Receivers
from activations.keys.access_tokens import AuthorisedPool
from activations.sandbox.reply import TOKEN
from activations.transport.form_encoding import form_body
from activations.transport.http import HttpAnswer, HttpPool

VERSION = "v25.0"
_API = "https://graph.facebook.com"
_BATCH = 10_000
_SCHEMA = ("EMAIL", "PHONE")
_FORM = "application/x-www-form-urlencoded"
_TOO_MANY = frozenset({4, 17, 32, 613, 80000, 80003, 80004})
_FOR_A_MOMENT = frozenset({1, 2})
"""It does not know itself, or is down for a while."""
_REFUSES_US = frozenset({3, 10, 102, 190, 294, 368, 459, 463, 464, 467, 2_600, 2_654})
"""The token, the app's rights, the account."""
_OF_THE_AUDIENCE = frozenset({33, 1_713_230})
"""Subcodes: it is not there, or blocked until somebody has looked at it."""
_USAGE = "X-Business-Use-Case-Usage"
_REST = "300"


def open_platform(setting: Setting, audience: AudienceSetting) -> "Meta":
    """The audience, with the access token of its name, and a proof of the app's secret where there is one."""
    profile = setting.profile
    profile.needs_http_sandbox()
    token = profile.token(audience.name)
    # a rehearsal proves, too
    secret = profile.tokens.get(f"{audience.name.upper()}_SECRET", "").strip() if profile.is_live else TOKEN

    async def known() -> str:
        return token

    pool = HttpPool(profile)
    receivers = Receivers(
        AuthorisedPool(pool, known), setting.now, f"mend {FILE} or the token", in_batches=True, plainly=_plainly
    )
    base = _API if profile.is_live else f"{profile.http_sandbox}/meta"
    proof = hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest() if secret else ""
    return Meta(pool, Batches(audience.name, receivers), f"{base}/{VERSION}/{audience.audience}/users", proof)


@dataclass(frozen=True)
class Meta:
    """Keyed: an audience holds everybody once, and who is not in it is not taken out."""

    pool: HttpPool = field(repr=False)
    batches: Batches = field(repr=False)
    url: str
    proof: str = field(repr=False, default="")

    async def change(self, entries: Sequence[Entry], *, member: bool) -> list[Answer]:
        return await self.batches.send(entries, _BATCH, lambda part: self.change_call(part, member=member), _said)

    def change_call(self, entries: Sequence[Entry], *, member: bool) -> Call:
        """The request that adds users or deletes them."""
        ids = "\n".join(message.message_id for entry in entries for message in entry.messages)
        session = {
            # the same users again are the same session
            "session_id": int.from_bytes(hashlib.blake2b(ids.encode(), digest_size=7).digest()),
            "batch_seq": 1,
            "last_batch_flag": True,
            "estimated_num_total": len(entries),
        }
        payload = {"schema": _SCHEMA, "is_raw": True, "data": [list(entry.content) for entry in entries]}
        form = {"payload": json.dumps(payload), "session": json.dumps(session)}
        if self.proof:
            form["appsecret_proof"] = self.proof
        return Call(self.url, form_body(form), "POST" if member else "DELETE", _FORM)

    async def close(self) -> None:
        await self.pool.close()


def _said(entries: Sequence[Entry], stated: Any) -> list[Said]:
    """It says how many were no hashes, and not which: ours are all made by its own rules, so that none should be."""
    if not isinstance(stated, dict) or "num_received" not in stated:
        return [Said("in doubt", "the answer does not say what became of it")] * len(entries)
    if stated.get("num_invalid_entries") == len(entries) == 1:
        return [Said("rejected", "the hashes are invalid")]
    return [Said("accepted")] * len(entries)


def _plainly(said: HttpAnswer) -> HttpAnswer:
    """Meta's answers in the terms of HTTP: nearly all that it refuses is a 400 with a code."""
    error = _error(said)
    code, subcode = error.get("code"), error.get("error_subcode")
    if said.status < 400 or not isinstance(code, int):
        return said
    if code in _TOO_MANY:
        return replace(said, status=429, headers={"Retry-After": _rest(said), **said.headers})
    if error.get("is_transient") or code in _FOR_A_MOMENT:
        return replace(said, status=503)
    if code in _REFUSES_US or 200 <= code < 300 or subcode in _OF_THE_AUDIENCE:
        return replace(said, status=403)
    return said


def _rest(said: HttpAnswer) -> str:
    """Seconds until the account may call again, as the header says it in minutes."""
    try:
        usage = json.loads(said.headers.get(_USAGE, "{}"))
        minutes = [each.get("estimated_time_to_regain_access", 0) for uses in usage.values() for each in uses]
    except (ValueError, AttributeError):
        return _REST
    return str(max(minutes) * 60) if minutes and max(minutes) else _REST


def _error(said: HttpAnswer) -> Mapping[str, Any]:
    try:
        error = json.loads(said.text or "{}").get("error")
    except (ValueError, AttributeError):
        return {}
    return error if isinstance(error, dict) else {}
