"""Customer Match of Google, by the Data Manager API: ten thousand members a call, hashed in hexadecimal digits."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activations.ad_platforms.settings import FILE, AudienceSetting
from activations.channels.batches import Batches, Call, Entry, Said, json_body
from activations.channels.face import Answer, Setting
from activations.channels.receivers import Receivers
from activations.delivery.patience import Pace
from activations.errors import HourbellError
from activations.keys.access_tokens import AccessTokens, AuthorisedPool, Grant
from activations.keys.service_account import TOKENS, ServiceAccount
from activations.keys.service_account import grant_of as grant_of_account
from activations.sandbox.reply import TOKEN
from activations.transport.http import HttpPool

_API = "https://datamanager.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/datamanager"
_BATCH = 10_000
_CALLS_A_SECOND = 5.0
"""Three hundred a minute."""
_SANDBOX = {"type": "authorized_user", "client_id": TOKEN, "client_secret": TOKEN, "refresh_token": TOKEN}


def open_platform(setting: Setting, audience: AudienceSetting) -> "Google":
    """The audience, with the credentials of its name: an authorised user's, or a service account's."""
    profile = setting.profile
    profile.needs_http_sandbox()
    stated = profile.token(audience.name)
    credentials = _read(audience.name, stated) if profile.is_live else _SANDBOX
    pool = HttpPool(profile)
    base = _API if profile.is_live else f"{profile.http_sandbox}/google_ads"
    mend = f"mend {FILE} or the credentials"
    url = TOKENS if profile.is_live else f"{base}/token"
    tokens = AccessTokens(pool, url, grant_of(credentials, setting.now), setting.now, mend)
    pace = Pace(_CALLS_A_SECOND) if profile.is_live else None
    receivers = Receivers(AuthorisedPool(pool, tokens.token, tokens.forget, pace), setting.now, mend, in_batches=True)
    return Google(pool, Batches(audience.name, receivers), base, audience)


@dataclass(frozen=True)
class Google:
    """Keyed: an audience holds everybody once. Google takes a call as a whole, and matches its members later."""

    pool: HttpPool = field(repr=False)
    batches: Batches = field(repr=False)
    base: str
    audience: AudienceSetting

    async def change(self, entries: Sequence[Entry], *, member: bool) -> list[Answer]:
        return await self.batches.send(entries, _BATCH, lambda part: self.change_call(part, member=member), _said)

    def change_call(self, entries: Sequence[Entry], *, member: bool) -> Call:
        """The request that adds members or removes them."""
        body: dict[str, Any] = {
            "destinations": [self._destination()],
            "audienceMembers": [{"userData": {"userIdentifiers": _identifiers(entry.content)}} for entry in entries],
            "encoding": "HEX",
        }
        if member:
            # who has not agreed to ads does not come as far as this
            body["consent"] = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
            body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        return Call(f"{self.base}/v1/audienceMembers:{'ingest' if member else 'remove'}", json_body(body))

    async def close(self) -> None:
        await self.pool.close()

    def _destination(self) -> dict[str, Any]:
        known = self.audience
        login = {"loginAccount": _account(known.login_account)} if known.login_account else {}
        return {
            **login,
            "operatingAccount": _account(known.account),
            "productDestinationId": known.audience,
        }


def grant_of(credentials: Mapping[str, str], now: Callable[[], datetime]) -> Grant:
    """How a token is asked for with credentials of either kind."""
    if credentials["type"] == "authorized_user":
        form = {name: credentials[name] for name in ("client_id", "client_secret", "refresh_token")}
        return lambda: {"grant_type": "refresh_token", **form}
    key = load_pem_private_key(credentials["private_key"].encode(), None)
    assert isinstance(key, RSAPrivateKey)
    account = ServiceAccount(credentials["client_email"], key, credentials.get("private_key_id", ""))
    return grant_of_account(account, _SCOPE, now)


def _read(name: str, text: str) -> Mapping[str, str]:
    """Credentials as Google gives them out, in JSON; raises HourbellError, which does not quote them."""
    needed = {
        "authorized_user": ("client_id", "client_secret", "refresh_token"),
        "service_account": ("client_email", "private_key"),
    }
    try:
        stated = json.loads(text)
        is_whole = all(isinstance(stated[part], str) for part in needed[stated["type"]])
    except (ValueError, TypeError, KeyError):
        is_whole = False
    if not is_whole:
        raise HourbellError(
            f"HOURBELL_TOKEN_{name.upper()} is not the JSON of an authorised user or a service account. Set it to that."
        )
    return stated


def _said(entries: Sequence[Entry], stated: Any) -> list[Said]:
    number = stated.get("requestId") if isinstance(stated, dict) else None
    if not number:
        return [Said("in doubt", "the answer does not say what became of it")] * len(entries)
    return [Said("accepted")] * len(entries)


def _identifiers(known: Sequence[str]) -> list[dict[str, str]]:
    names = ("emailAddress", "phoneNumber")
    return [{name: value} for name, value in zip(names, known, strict=True) if value]


def _account(number: str) -> dict[str, str]:
    return {"accountType": "GOOGLE_ADS", "accountId": number}
