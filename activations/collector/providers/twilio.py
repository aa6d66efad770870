"""Twilio: what becomes of text messages, and what people text back. Each request is signed with the account's token."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from activations.collector.providers.face import Kind, Posted, Provider, RefusedError, Report, action_of, keys
from activations.collector.providers.form import Fields, fields_of

SIGNATURE = "x-twilio-signature"
_KINDS: Mapping[str, Kind] = {
    "accepted": "queued",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "queued",
    "sent": "queued",
    "delivered": "delivered",
    "undelivered": "bounced",
    "failed": "failed",
    "canceled": "failed",
    "read": "opened",
}
# a handset that nobody has, a landline
_HARD = frozenset({"30005", "30006"})
_HAS_OPTED_OUT = "21610"


def receive(posted: Posted, secrets: Mapping[str, str], now: datetime) -> Sequence[Report]:
    """The secret TWILIO is the auth token of the account."""
    tokens = keys(secrets, "TWILIO")
    fields = fields_of(posted)
    check(posted, fields, tokens)
    said = {name: values[0] for name, values in fields.items()}
    sid = said.get("MessageSid") or said.get("SmsSid")
    if not sid:
        raise RefusedError("it names no message")
    status = said.get("MessageStatus") or said.get("SmsStatus") or ""
    if status == "received" or "Body" in said:
        channel, sender = _address(said.get("From", ""))
        stops = said.get("OptOutType", "").upper() == "STOP"
        return [Report("received", sid, None, channel, sender, sid, sid, text=said.get("Body", ""), opts_out=stops)]
    channel, recipient = _address(said.get("To", ""))
    error = said.get("ErrorCode")
    return [
        Report(
            _KINDS.get(status, "unknown"),
            f"{sid}/{status}",
            None,
            channel,
            recipient,
            f"{sid}/{status}",
            sid,
            # our own address for the report says which action it is about, and is signed
            action_of(next(iter(parse_qs(urlsplit(posted.url).query).get("action_id", [])), None)),
            reject_reason="unsubscribed" if error == _HAS_OPTED_OUT else None,
            description=said.get("ErrorMessage") or error,
            is_hard=error in _HARD,
        )
    ]


def check(posted: Posted, fields: Fields, tokens: Sequence[str]) -> None:
    """Raises RefusedError unless the address and all fields were signed with one of the tokens.

    The signature has no time in it: what comes again is known by the id of its message.
    """
    # a value that comes twice is signed once
    signed = posted.url + "".join(f"{name}{value}" for name in sorted(fields) for value in sorted(set(fields[name])))
    given = posted.headers.get(SIGNATURE, "").encode()
    matching = [
        hmac.compare_digest(base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()), given)
        for token in tokens
    ]
    if not any(matching):
        raise RefusedError("its signature is not Twilio's")


def _address(text: str) -> tuple[str, str | None]:
    """The channel and number of an address such as whatsapp:+447700900123."""
    prefix, colon, number = text.partition(":")
    return (prefix.lower(), number or None) if colon else ("sms", text or None)


PROVIDER = Provider("twilio", receive, thanks=(b"<Response/>", "text/xml"))
