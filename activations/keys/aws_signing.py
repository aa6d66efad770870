"""Sign requests to Amazon as its Signature Version 4 has it (HMAC-SHA256), and check them."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=(?P<key>[^/]+)/(?P<day>\d{{8}})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Credentials:
    """Who calls. `session` goes with keys that were lent for some hours."""

    key: str
    secret: str = field(repr=False)
    session: str | None = field(default=None, repr=False)


def signed_headers(
    credentials: Credentials,
    region: str,
    service: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    moment: datetime,
    method: str = "POST",
) -> dict[str, str]:
    """The headers (in lower case) of a request, with those that show who makes it; `moment` is naive UTC."""
    with_date = {**headers, "host": urlsplit(url).netloc, "x-amz-date": f"{moment:%Y%m%dT%H%M%SZ}"}
    if credentials.session is not None:
        with_date["x-amz-security-token"] = credentials.session
    # a proxy may write the others anew
    signed = sorted(name for name in with_date if name in ("content-type", "host") or name.startswith("x-amz-"))
    signature = _signature(credentials.secret, region, service, urlsplit(url).path, with_date, signed, body, method)
    with_date["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.key}/{moment:%Y%m%d}/{region}/{service}/aws4_request, "
        f"SignedHeaders={';'.join(signed)}, Signature={signature}"
    )
    return with_date


def is_signed(credentials: Credentials, service: str, path: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a POST without a query is of who has the secret, for this service."""
    plain = {name.lower(): value for name, value in headers.items()}
    given = _AUTHORIZATION.fullmatch(plain.get("authorization", ""))
    date = plain.get("x-amz-date", "")
    if given is None or given["key"] != credentials.key or given["service"] != service:
        return False
    signed = given["signed"].split(";")
    if not date.startswith(given["day"]) or not {"host", "x-amz-date"} <= set(signed) <= plain.keys():
        return False
    wanted = _signature(credentials.secret, given["region"], service, path, plain, signed, body)
    return hmac.compare_digest(wanted, given["signature"])


def _signature(
    secret: str,
    region: str,
    service: str,
    path: str,
    headers: Mapping[str, str],
    signed: list[str],
    body: bytes,
    method: str = "POST",
) -> str:
    date = headers["x-amz-date"]
    request = "\n".join(
        [
            method,
            quote(path, safe="/~"),
            "",
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
            "",
            ";".join(signed),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    text = "\n".join([_ALGORITHM, date, scope, hashlib.sha256(request.encode()).hexdigest()])
    return hmac.digest(_key(secret, date[:8], region, service), text.encode(), "sha256").hex()


@lru_cache(maxsize=8)
def _key(secret: str, *scope: str) -> bytes:
    """The key of a day."""
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
