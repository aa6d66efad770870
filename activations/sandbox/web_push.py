"""Push services as the sandbox plays them: RFC 8030, who pushes as in RFC 8292, and what as in RFC 8291."""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from activations.sandbox.reply import ProviderAnswer, Reply

_PATH = re.compile(r"/web_push/([a-z0-9.-]+)(/.*)")
_VAPID = re.compile(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]{87})")
_TOPIC = re.compile(r"[\w-]{1,32}")
_LARGEST = 4_096
# salt, size of a record, and a key of 65 bytes with its length
_SMALLEST, _KEY_BYTES = 16 + 4 + 1 + 65 + 17, 65
_GONE = "/gone"


def answer(path: str, headers: Mapping[str, str], body: bytes) -> ProviderAnswer:
    """What a push service says to a message for one of its browsers."""
    at = _PATH.fullmatch(path)
    if at is None:
        return ProviderAnswer("", Reply(404))
    host, rest = at[1], at[2]
    endpoint = f"https://{host}{rest}"
    if not _is_known(headers.get("authorization", ""), f"https://{host}"):
        return ProviderAnswer(endpoint, Reply(401, text="the authorization header is not as RFC 8292 has it"))
    if not re.fullmatch(r"[0-9]{1,7}", headers.get("ttl", "")):
        return ProviderAnswer(endpoint, Reply(400, text="no TTL"))
    if not _TOPIC.fullmatch(headers.get("topic", "none")):
        return ProviderAnswer(endpoint, Reply(400, text="the topic is too long"))
    if headers.get("content-encoding") != "aes128gcm" or len(body) < _SMALLEST or body[20] != _KEY_BYTES:
        return ProviderAnswer(endpoint, Reply(400, text="not encrypted as RFC 8291 has it"))
    if len(body) > _LARGEST:
        return ProviderAnswer(endpoint, Reply(413))
    if rest.startswith(_GONE):
        return ProviderAnswer(endpoint, Reply(410))
    message_id = uuid.uuid4().hex
    return ProviderAnswer(endpoint, Reply(201, {"location": f"https://{host}/m/{message_id}"}), message_id)


def _is_known(authorization: str, origin: str) -> bool:
    """Whether it names somebody, for this service; who signed it nobody here can say."""
    told = _VAPID.fullmatch(authorization)
    if told is None:
        return False
    try:
        head, claims = _part(told[1]), _part(told[2])
    except ValueError:
        return False
    return head.get("alg") == "ES256" and claims.get("aud") == origin and {"exp", "sub"} <= claims.keys()


def _part(text: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found
