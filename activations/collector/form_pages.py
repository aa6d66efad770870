"""The pages of forms: each shows what this contact has not given yet, and what they send lands as events.

No cookie says who somebody is, and a form that is sent says so by itself, sealed: nothing can be sent in the name of
whoever has a page open. The one cookie that is set names fields, so that a visitor is asked for others next time.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from activations.collector.collector import Collector
from activations.collector.engagement import Rows, stated, tracked
from activations.collector.forms import Form, answers, read_forms
from activations.collector.inbound import keep
from activations.collector.pages.page import Pages
from activations.collector.posted import form_of, plainly
from activations.collector.requests import in_form
from activations.keys.seals import sealed, unsealed
from activations.links import CONFIRM_PATH, FORM_PATH, PARAMETER, Asked, Confirmed, asking, confirm_link, confirming

SOURCE = "form"
TRAP = "website"
"""A field that people do not see, and programs fill in."""
_COOKIE = "hourbell_given"
_PURPOSE = "form"
_OPEN_FOR = timedelta(hours=24)
_CONFIRM_WITHIN = timedelta(days=30)
_AGREED = "agreed"

log = logging.getLogger(__name__)


def routes(collector: Collector) -> list[BaseRoute]:
    """One path a form, and one by which what was agreed to is confirmed."""
    pages = Pages(collector.templates)
    forms = read_forms(collector.templates)
    key = collector.profile.link_key

    async def show(request: Request) -> Response:
        form = forms.get(request.path_params["form"])
        seal = request.query_params.get(PARAMETER)
        asked = _UNKNOWN if seal is None else asking(seal, key)
        if form is None or asked is None:
            return pages.not_ours()
        cookie = request.cookies.get(_COOKIE, "").split(".")
        return page(form, asked._replace(given=sorted({*asked.given, *cookie})))

    def page(form: Form, asked: Asked, posted: Mapping[str, str] | None = None, **wrong: str) -> Response:
        fields = form.to_ask(asked.given, is_known=_is_known(asked))
        if not fields and form.consent is None:
            return pages.show("thanks", title=form.title, thanks=form.thanks)
        ticket = [form.name, *asked, [field.name for field in fields], collector.now().isoformat()]
        return pages.show(
            "form",
            status=422 if wrong else 200,
            title=form.title,
            form={"intro": form.intro, "button": form.button},
            fields=[
                {
                    "name": field.name,
                    "label": field.label,
                    "type": {"phone": "tel"}.get(field.type, field.type),
                    "autocomplete": _AUTOCOMPLETE.get(field.name, "off"),
                    "options": field.options,
                    "hint": field.hint,
                    "needed": field.is_needed,
                    "value": (posted or {}).get(field.name, ""),
                    "wrong": wrong.get(field.name, ""),
                }
                for field in fields
            ],
            consent="" if form.consent is None else form.consent.label,
            is_agreed=bool((posted or {}).get(_AGREED)),
            trap=TRAP,
            ticket=sealed(_PURPOSE, ticket, key),
        )

    async def take(request: Request) -> Response:
        posted = await form_of(request)
        ticket = unsealed(_PURPOSE, posted.get("ticket", ""), key)
        form = forms.get(request.path_params["form"])
        if form is None or ticket is None or ticket[0] != form.name:
            return pages.not_ours()
        asked, names = Asked(*ticket[1:-2]), ticket[-2]
        if not _is_within(ticket[-1], _OPEN_FOR, collector.now()):
            return pages.show("expired", status=400, title=form.title, again=f"{FORM_PATH}{form.name}")
        if posted.get(TRAP):
            log.info("A program filled in the form %s; nothing was kept.", form.name)
            return pages.show("thanks", title=form.title, thanks=form.thanks)
        fields = [field for field in form.fields if field.name in names]
        good, wrong = answers(fields, posted)
        if wrong:
            return page(form, asked, posted, **wrong)
        agreed = form.consent is not None and bool(posted.get(_AGREED))
        await keep(collector, _taken(form, asked, good, agreed, posted["ticket"], collector, pages.shop.tracking_url))
        given = sorted({*asked.given, *good} & {field.name for field in form.fields})
        return pages.show("thanks", title=form.title, thanks=form.thanks, headers={"set-cookie": _cookie(given)})

    async def ask_once_more(request: Request) -> Response:
        confirmed = confirming(request.path_params["seal"], key)
        if confirmed is None or not _is_within(confirmed.asked_at, _CONFIRM_WITHIN, collector.now()):
            return pages.not_ours()
        return pages.show("confirm", title="One more click", label=confirmed.label)

    async def confirm(request: Request) -> Response:
        confirmed = confirming(request.path_params["seal"], key)
        if confirmed is None or not _is_within(confirmed.asked_at, _CONFIRM_WITHIN, collector.now()):
            return pages.not_ours()
        await keep(collector, _confirmed(confirmed, collector.now()))
        return pages.show("confirmed", title="Thank you", label=confirmed.label)

    return [
        Route(f"{FORM_PATH}{{form}}", show, methods=["GET"]),
        Route(f"{FORM_PATH}{{form}}", in_form(plainly, take), methods=["POST"]),
        # a GET confirms nothing: what protects a mailbox follows every link in it
        Route(f"{CONFIRM_PATH}{{seal}}", ask_once_more, methods=["GET"]),
        Route(f"{CONFIRM_PATH}{{seal}}", in_form(plainly, confirm), methods=["POST"]),
    ]


_UNKNOWN = Asked(None, None, None, None, [])
_AUTOCOMPLETE = {
    "email": "email",
    "phone": "tel",
    "first_name": "given-name",
    "last_name": "family-name",
    "birth_date": "bday",
    "country": "country",
}


def _is_known(asked: Asked) -> bool:
    return any((asked.user_id, asked.email, asked.phone))


def _taken(
    form: Form, asked: Asked, good: Mapping[str, str], agreed: bool, ticket: str, collector: Collector, base: str
) -> Rows:
    """What a form lands as; sent twice, it is the same rows."""
    now = collector.now()
    known = {"user_id": asked.user_id, "email": asked.email, "phone": asked.phone}
    who = {name: value for name, told in known.items() if (value := good.get(name) or told)}
    same = hashlib.sha256(orjson.dumps([ticket, good, agreed], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    told: dict[str, Any] = {"form": form.name, "fields": sorted(good)}
    if asked.action_id is not None:
        told["action_id"] = str(asked.action_id)
    rows: Rows = {"events": [tracked("Form Submitted", f"form/{same}", who, told, SOURCE, now)], "consents": []}
    if good:
        identified = {"message_id": f"form/{same}/identify", "type": "identify", "traits": good, "source": SOURCE}
        rows["events"].append({**who, **identified, "occurred_at": now})
    if not agreed or form.consent is None:
        return rows
    consent = form.consent
    evidence = f"form {form.name}: {consent.label}"
    if not consent.double_opt_in:
        rows["consents"].append(stated(who, consent.channel, consent.topic, "granted", evidence, SOURCE, now))
        return rows
    address = who.get(consent.address)
    if address is None:
        return rows
    asked_at = now.isoformat()
    confirmed = Confirmed(form.name, consent.address, address, consent.channel, consent.topic, consent.label, asked_at)
    link = confirm_link(base, confirmed, collector.profile.link_key)
    # whoever sends the message that asks once more finds the link in the event
    asks = {"form": form.name, "topic": consent.topic, "channel": consent.channel, "confirm_url": link}
    rows["events"].append(tracked("Subscription Requested", f"form/{same}/requested", who, asks, SOURCE, now))
    return rows


def _confirmed(confirmed: Confirmed, now: datetime) -> Rows:
    who: dict[str, str | None] = {confirmed.identifier: confirmed.value}
    asked_at = datetime.fromisoformat(confirmed.asked_at)
    evidence = f"double opt-in: form {confirmed.form} at {confirmed.asked_at}: {confirmed.label}"
    told = {"form": confirmed.form, "topic": confirmed.topic, "channel": confirmed.channel}
    same = hashlib.sha256(orjson.dumps([*confirmed])).hexdigest()[:32]
    return {
        "events": [tracked("Subscription Confirmed", f"confirm/{same}", who, told, SOURCE, now)],
        # as of when they agreed: confirmed once more after somebody has left, it does not bring them back
        "consents": [stated(who, confirmed.channel, confirmed.topic, "granted", evidence, SOURCE, asked_at)],
    }


def _is_within(moment: str, period: timedelta, now: datetime) -> bool:
    return timedelta() <= now - datetime.fromisoformat(moment) <= period


def _cookie(given: list[str]) -> str:
    """Names of fields, and nothing of what was said in them."""
    return f"{_COOKIE}={'.'.join(given)}; Path={FORM_PATH}; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax"
