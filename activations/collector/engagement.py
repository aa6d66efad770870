"""What happens to our messages, as rows of the input contract: events, and consents where somebody wants no more.

Names of events are those of Segment's spec for e-mail, and the same with another beginning for other channels.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from activations.collector.opt_out import means_stop
from activations.collector.providers.face import Kind, Report
from activations.links import Sent

Rows = dict[str, list[dict[str, Any]]]
"""By table."""

LABELS = {
    "email": "Email",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "push": "Push Notification",
    "web_push": "Web Push",
    "in_app": "In-App Message",
}
_HAPPENED: Mapping[Kind, str] = {
    "queued": "Processed",
    "deferred": "Deferred",
    "delivered": "Delivered",
    "rejected": "Dropped",
    "failed": "Failed",
    "bounced": "Bounced",
    "autoresponded": "Autoresponded",
    "opened": "Opened",
    "clicked": "Link Clicked",
    "complained": "Marked as Spam",
    "unsubscribed": "Unsubscribed",
    "subscribed": "Resubscribed",
    "received": "Received",
}
_UNSUBSCRIBED = "Unsubscribed"
TOPIC_LEFT = "Unsubscribed From Topic"
ALL = "all"
_LONGEST_TEXT = 2_000
_LONGEST_ID = 200


def event_name(channel: str, kind: Kind) -> str:
    """The name of an event, as in Email Opened."""
    if channel == "email" and kind == "unsubscribed":
        return _UNSUBSCRIBED
    return f"{LABELS.get(channel, channel.title())} {_HAPPENED[kind]}"


def rows_of(provider: str, reports: Iterable[Report], now: datetime) -> Rows:
    """The rows that a provider's reports land as; what it reports and nobody knows the meaning of lands not at all.

    The same report gives the same rows, so that one which comes again changes nothing. Where a provider says no time it
    is the given one.
    """
    rows: Rows = {"events": [], "consents": []}
    for report in reports:
        if report.kind == "unknown":
            continue
        at = report.occurred_at or now
        who = _who(report)
        rows["events"].append(_event(provider, report, who, at))
        if why := _wants_no_more(report):
            rows["consents"].append(withdrawn(who, report.channel, ALL, f"{provider}: {why}", provider, at))
    return rows


def withdrawn(
    who: Mapping[str, str | None], channel: str, topic: str, evidence: str, source: str, at: datetime
) -> dict[str, Any]:
    """A row of consents by which somebody wants no more."""
    return stated(who, channel, topic, "withdrawn", evidence, source, at)


def stated(
    who: Mapping[str, str | None], channel: str, topic: str, status: str, evidence: str, source: str, at: datetime
) -> dict[str, Any]:
    """A row of consents."""
    return {
        **who,
        "channel": channel,
        "topic": topic,
        "status": status,
        "evidence": evidence,
        "source": source,
        "occurred_at": at,
    }


def tracked(
    name: str, message_id: str, who: Mapping[str, str | None], properties: Mapping[str, Any], source: str, at: datetime
) -> dict[str, Any]:
    """A row of events: a call of track."""
    return {
        "message_id": message_id[:_LONGEST_ID],
        "type": "track",
        "event": name,
        **who,
        "properties": {name: value for name, value in properties.items() if value not in (None, "", [], {})},
        "source": source,
        "occurred_at": at,
    }


def who_of(sent: Sent) -> dict[str, str | None]:
    """Whom a link of a message names, as columns."""
    return {sent.identifier: sent.value}


def _event(provider: str, report: Report, who: Mapping[str, str | None], at: datetime) -> dict[str, Any]:
    kind = "hard" if report.is_hard else "soft"
    tags = [report.tags] if isinstance(report.tags, str) else list(report.tags)
    return tracked(
        event_name(report.channel, report.kind),
        f"{provider}/{report.dedupe}",
        who,
        {
            # one that was opened by a machine says nothing of the person
            **({"machine_open": report.is_machine} if report.kind == "opened" else {}),
            "action_id": None if report.action_id is None else str(report.action_id),
            "email_id": report.message_id,
            "type": kind if report.kind == "bounced" else None,
            "reason": report.reject_reason,
            "description": report.description,
            "response": report.mta_response,
            "link": report.click_url,
            "user_agent": report.user_agent,
            "text": (report.text or "")[:_LONGEST_TEXT],
            "tags": [tag for tag in tags if tag],
        },
        provider,
        at,
    )


def _who(report: Report) -> dict[str, str | None]:
    return {"email" if report.channel == "email" else "phone": report.recipient}


def _wants_no_more(report: Report) -> str | None:
    """In which words somebody wants no more on a channel; None where nobody does."""
    if report.kind == "received":
        return f"they wrote {report.text!r}"[:200] if report.opts_out or means_stop(report.text) else None
    if report.kind in ("unsubscribed", "complained"):
        return report.kind
    # the provider knows of an objection that we may have missed
    if report.reject_reason == "unsubscribed" or (report.reject_reason == "spam" and report.kind == "rejected"):
        return f"it does not deliver to them: {report.reject_reason}"
    return None
