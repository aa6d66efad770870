"""Leaving a topic by a link (RFC 8058), and the page on which people choose what they get."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from activations.addresses.channel_addresses import ADDRESS_OF
from activations.collector.choices import Choice
from activations.collector.collector import Collector
from activations.collector.engagement import (
    ALL,
    TOPIC_LEFT,
    Rows,
    event_name,
    stated,
    tracked,
    who_of,
    withdrawn,
)
from activations.collector.inbound import keep
from activations.collector.pages.page import STYLE_PATH, Pages
from activations.collector.posted import form_of, plainly
from activations.collector.requests import in_form
from activations.collector.standing_shown import StandingShown
from activations.links import PARAMETER, Known, Sent, choosing, preferences_of, unsubscribing

SOURCE = "preferences"
UNSUBSCRIBE, PREFERENCES = "/unsubscribe", "/preferences"
_STATES = {"yes": "granted", "no": "withdrawn"}


def routes(collector: Collector) -> list[BaseRoute]:
    """The pages that links of messages lead to; a GET shows them, and only a POST changes anything."""
    pages = Pages(collector.templates)
    key = collector.profile.link_key
    standing = StandingShown(collector)

    async def ask(request: Request) -> Response:
        sent = unsubscribing(request.query_params.get(PARAMETER, ""), key)
        return pages.not_ours() if sent is None else pages.show("unsubscribe", **said(sent), title="Unsubscribe")

    async def leave(request: Request) -> Response:
        sent = unsubscribing(request.query_params.get(PARAMETER, ""), key)
        if sent is None:
            return pages.not_ours()
        # a mailbox that unsubscribes for somebody says List-Unsubscribe=One-Click, and nothing that we would need
        is_all = (await form_of(request)).get("what") == "all" or not sent.topic
        await keep(collector, _left(sent, is_all, collector))
        about = "everything" if is_all else said(sent)["about"]
        return pages.show("unsubscribed", **{**said(sent), "about": about}, title="You are unsubscribed")

    def said(sent: Sent) -> dict[str, Any]:
        same = [choice for choice in collector.choices if choice.topic == sent.topic]
        return {
            "about": same[0].about if same else sent.topic or "everything",
            "channel": Choice(sent.topic, sent.channel, "").channel_label.lower(),
            "preferences": f"{PREFERENCES}?{PARAMETER}={preferences_of(sent, key)}",
        }

    async def show(request: Request) -> Response:
        known = choosing(request.query_params.get(PARAMETER, ""), key)
        return pages.not_ours() if known is None else await preferences(known, {}, None)

    async def choose(request: Request) -> Response:
        known = choosing(request.query_params.get(PARAMETER, ""), key)
        if known is None:
            return pages.not_ours()
        form = await form_of(request)
        if form.get("what") == "nothing":
            form = {choice.name: "no" for choice in collector.choices}
            rows = _nothing_more(known, collector)
        else:
            rows = _chosen(known, form, collector)
        await keep(collector, rows)
        return await preferences(known, form, len(rows["consents"]))

    async def preferences(known: Known, form: Mapping[str, str], changed: int | None) -> Response:
        allows = await run_in_threadpool(standing.of, known)
        topics: dict[str, list[dict[str, Any]]] = {}
        for choice in collector.choices:
            if _who(known, choice.channel) is not None:
                chosen = form.get(choice.name, "keep")
                is_got = (choice.topic, choice.channel) == (known.topic, known.channel)
                topics.setdefault(choice.about, []).append(
                    {
                        "name": choice.name,
                        "channel": choice.channel_label,
                        "chosen": chosen,
                        "is_got": is_got,
                        "now": allows.get(choice.name),
                    }
                )
        return pages.show(
            "preferences",
            title="What you get from us",
            topics=[{"about": about, "choices": found} for about, found in topics.items()],
            is_saved=changed is not None,
            changed=changed or 0,
        )

    async def style(_: Request) -> Response:
        return pages.style()

    return [
        Route(UNSUBSCRIBE, ask, methods=["GET"]),
        Route(UNSUBSCRIBE, in_form(plainly, leave), methods=["POST"]),
        Route(PREFERENCES, show, methods=["GET"]),
        Route(PREFERENCES, in_form(plainly, choose), methods=["POST"]),
        Route(STYLE_PATH, style, methods=["GET"]),
    ]


def _left(sent: Sent, is_all: bool, collector: Collector) -> Rows:
    """What lands of an unsubscription; the event, which tells of the message, comes once however often it is asked."""
    now, who = collector.now(), who_of(sent)
    topic = ALL if is_all else sent.topic
    name = event_name(sent.channel, "unsubscribed") if is_all else TOPIC_LEFT
    properties = {"action_id": str(sent.action_id), "topic": sent.topic, "channel": sent.channel}
    evidence = f"unsubscribe link of message {sent.action_id}"
    return {
        "events": [tracked(name, f"unsubscribe/{sent.action_id}/{topic}", who, properties, SOURCE, now)],
        "consents": [withdrawn(who, sent.channel, topic, evidence, SOURCE, now)],
    }


def _chosen(known: Known, form: Mapping[str, str], collector: Collector) -> Rows:
    """What lands of what was chosen; what was left as it is says nothing."""
    now, evidence = collector.now(), f"preference centre, by a link of message {known.action_id}"
    return {
        "consents": [
            stated(who, choice.channel, choice.topic, _STATES[form[choice.name]], evidence, SOURCE, now)
            for choice in collector.choices
            if form.get(choice.name) in _STATES and (who := _who(known, choice.channel)) is not None
        ]
    }


def _nothing_more(known: Known, collector: Collector) -> Rows:
    now, evidence = collector.now(), f"preference centre, by a link of message {known.action_id}"
    who = {name: value for name in ("user_id", "email", "phone") if (value := getattr(known, name)) is not None}
    properties = {"action_id": str(known.action_id), "topic": known.topic, "channel": known.channel}
    name = event_name(known.channel, "unsubscribed")
    return {
        "events": [tracked(name, f"unsubscribe/{known.action_id}/{ALL}", who, properties, SOURCE, now)],
        "consents": [withdrawn(who, ALL, ALL, evidence, SOURCE, now)],
    }


def _who(known: Known, channel: str) -> dict[str, str | None] | None:
    """Whom a choice is about, as columns; None where we could not reach them there."""
    if (address := ADDRESS_OF.get(channel)) is not None:
        value = getattr(known, address)
        # the address stands with it, so that the choice counts for whoever is written to there
        return None if value is None else {"user_id": known.user_id, address: value}
    for name in ("user_id", "email", "phone"):
        if (value := getattr(known, name)) is not None:
            return {name: value}
    return None
