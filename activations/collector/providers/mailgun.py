"""Mailgun's webhooks, signed with HMAC-SHA256; also those in the form that it sent until 2018, as fields of a form."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import Any

import orjson

from activations.collector.providers.face import (
    Kind,
    Posted,
    Provider,
    RefusedError,
    Report,
    action_of,
    check_fresh,
    from_epoch,
    keys,
    listed,
    object_of,
    part,
    said,
)
from activations.collector.providers.form import Fields, fields_of

_KINDS: Mapping[str, Kind] = {
    "accepted": "queued",
    "delivered": "delivered",
    "rejected": "rejected",
    "failed": "bounced",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
    # in the old form only
    "bounced": "bounced",
    "dropped": "rejected",
}
_REASONS = {
    "bounce": "bounced",
    "suppress-bounce": "bounced",
    "suppress-unsubscribe": "unsubscribed",
    "suppress-complaint": "spam",
}
_NOT_TRIED = frozenset({"suppress-unsubscribe", "suppress-complaint"})
_OLD_REASONS = {499: "timed_out", 605: "bounced", 606: "unsubscribed", 607: "spam"}
# what the old form has of its own; all else are variables of the message
_OLD_WORDS = (
    "body-plain campaign-id campaign-name city client-name client-os client-type country device-type domain event h ip "
    "mailing-list message-id recipient region signature tag timestamp token url user-agent"
)
_OLD_FIELDS = frozenset(_OLD_WORDS.split())
_LAST_IS_OURS = frozenset({"signature", "timestamp", "token"})


def receive(posted: Posted, secrets: Mapping[str, str], now: datetime) -> Sequence[Report]:
    """The secret MAILGUN is the HTTP webhook signing key."""
    signing_keys = keys(secrets, "MAILGUN")
    if posted.headers.get("content-type", "").startswith("application/json"):
        whole = object_of(posted.body)
        signature = {name: str(part(whole, "signature", name) or "") for name in _LAST_IS_OURS}
        check(signature, signing_keys, now)
        return [_report(part(whole, "event-data"), signature["token"])]
    fields = fields_of(posted)
    # variables of the message stand among the fields, and may bear the same names: ours come last
    signature = {name: fields.get(name, [""])[-1] for name in _LAST_IS_OURS}
    check(signature, signing_keys, now)
    return [_old_report(fields, signature)]


def check(signature: Mapping[str, str], signing_keys: Sequence[str], now: datetime) -> None:
    """Raises RefusedError unless the time and token were signed with one of the keys, lately.

    The signature says nothing of the rest: whoever has seen one could put anything beside it. So what comes with the
    same token counts once, the first time.
    """
    signed = f"{signature['timestamp']}{signature['token']}".encode()
    given = signature["signature"].encode()
    matching = [
        hmac.compare_digest(hmac.new(key.encode(), signed, hashlib.sha256).hexdigest().encode(), given)
        for key in signing_keys
    ]
    if not signature["token"] or not any(matching):
        raise RefusedError("its signature is not Mailgun's")
    check_fresh(signature["timestamp"], now)


def _report(event: Any, token: str) -> Report:
    name = said(event, "event") or ""
    kind = _KINDS.get(name, "unknown")
    is_temporary = said(event, "severity") == "temporary"
    reason = said(event, "reason")
    if kind == "bounced" and is_temporary:
        kind = "deferred"
    elif kind == "bounced" and reason in _NOT_TRIED:
        kind = "rejected"
    status = part(event, "delivery-status")
    variables = part(event, "user-variables")
    return Report(
        kind,
        token,
        from_epoch(part(event, "timestamp")),
        recipient=said(event, "recipient") or parseaddr(said(event, "message", "headers", "to") or "")[1] or None,
        event_id=token,
        message_id=_in_angles(said(event, "message", "headers", "message-id")),
        action_id=action_of(part(variables, "action_id")),
        reject_reason=_REASONS.get(reason, "other") if reason else "other" if kind == "rejected" else None,
        description=said(event, "reject", "reason") if kind == "rejected" else said(status, "description"),
        mta_response=said(status, "message"),
        tags=tuple(listed(event, "tags")),
        metadata=variables if isinstance(variables, dict) else {},
        click_url=said(event, "url"),
        user_agent=said(event, "client-info", "user-agent"),
        is_hard=kind == "bounced" and _REASONS.get(reason or "bounce") == "bounced",
        is_machine=bool(said(event, "client-info", "bot")),
    )


def _old_report(fields: Fields, signature: Mapping[str, str]) -> Report:
    def first(name: str) -> str | None:
        return next(iter(fields.get(name, ())), None)

    kind = _KINDS.get(first("event") or "", "unknown")
    metadata = _old_variables(fields)
    return Report(
        kind,
        signature["token"],
        from_epoch(signature["timestamp"]),
        recipient=first("recipient"),
        event_id=signature["token"],
        message_id=_in_angles(first("Message-Id") or first("message-id")),
        action_id=action_of(metadata.get("action_id")),
        reject_reason=_old_reason(first("code")),
        description=first("description"),
        mta_response=first("error") or first("notification"),
        tags=tuple(fields.get("tag") or fields.get("X-Mailgun-Tag") or ()),
        metadata=metadata,
        click_url=first("url"),
        user_agent=first("user-agent"),
        is_hard=kind == "bounced",
    )


def _old_reason(code: str | None) -> str | None:
    """Why, by a status of SMTP (550), one of Mailgun's own (605) or an extended one (5.1.1)."""
    if not code:
        return None
    if code.isdigit():
        number = int(code)
        return _OLD_REASONS.get(number, "bounced" if 400 <= number < 600 else "other")
    return "bounced" if code.partition(".")[0] in ("4", "5") else "other"


def _old_variables(fields: Fields) -> dict[str, Any]:
    if "message-headers" in fields:
        try:
            headers = orjson.loads(fields["message-headers"][0])
            found = [orjson.loads(value) for name, value in headers if name == "X-Mailgun-Variables"]
        except (orjson.JSONDecodeError, TypeError, ValueError) as error:
            raise RefusedError("its message's headers cannot be read") from error
        return {name: value for variables in found for name, value in variables.items()}
    if fields.get("event", [""])[0] not in ("clicked", "opened", "unsubscribed"):
        return {}
    variables = {name: values[-1] for name, values in fields.items() if name not in _OLD_FIELDS}
    doubled = {name: values for name, values in fields.items() if name in _OLD_FIELDS - {"tag"} and len(values) > 1}
    return {**variables, **{name: values[0 if name in _LAST_IS_OURS else -1] for name, values in doubled.items()}}


def _in_angles(message_id: str | None) -> str | None:
    return f"<{message_id}>" if message_id and not message_id.startswith("<") else message_id


PROVIDER = Provider("mailgun", receive, signs_body=False)
