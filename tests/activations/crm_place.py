"""Actions for CRMs and audiences, templates that name them, and a delivery to the sandbox that plays them."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rehearsal import NOW, Place, action, write_outbox

from activations.channels import audience, crm, crm_task
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.sandbox.http import HttpSandbox
from activations.sandbox.records import Records
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks

CHANNELS = {"audience": audience.open_channel, "crm": crm.open_channel, "crm_task": crm_task.open_channel}
CRMS = """
hub:
  platform: hubspot
  id_property: email
  known_by: email
  lists: {wine_club: "1001"}
  pull: {lifecycle_stage: lifecyclestage, user_id: shop_user_id}
keyed:
  platform: hubspot
  id_property: shop_user_id
  known_by: user_id
sales:
  platform: salesforce
  url: https://shop.my.salesforce.com
  client: 3MVG9
  object: Contact
  id_property: Shop_Id__c
  known_by: user_id
  lists: {wine_club: "701000000000001"}
  pull: {tier: Tier__c, user_id: Shop_Id__c}
"""
AUDIENCES = """
lapsed_buyers: {platform: meta, audience: "600"}
lapsed_google: {platform: google, audience: "700", account: "1234567890", login_account: "99"}
"""


def templates_of(folder: Path, **files: str) -> Path:
    """Those that ship, with files of ours."""
    own = folder / "templates"
    own.mkdir()
    files = {"crm": CRMS, "audiences": AUDIENCES, **files}
    for path in TEMPLATES.iterdir():
        if path.stem not in files:
            (own / path.name).symlink_to(path)
    for name, content in files.items():
        (own / f"{name}.yml").write_text(content)
    return own


def crm_action(number: int, kind: str = "update_crm", crm: str = "hub", **context: Any) -> dict[str, Any]:
    """A row of the outbox: something to be told of person<number>."""
    if kind == "update_crm":
        context = {"field": "stage", "value": "customer", **context}
    return action(
        number,
        kind=kind,
        channel="crm_task" if kind == "create_crm_task" else "crm",
        template=None,
        profile=json.dumps({"email": f"person{number}@example.com", "user_id": f"u{number}"}),
        context=json.dumps({"crm": crm, **context}),
    )


def membership(number: int, kind: str = "join_audience", name: str = "lapsed_buyers", **context: Any) -> dict[str, Any]:
    """A row of the outbox: somebody who joins or leaves an audience."""
    return action(
        number,
        kind=kind,
        channel="audience",
        template=None,
        profile=json.dumps({"email": f"Person{number}@Example.com", "phone": "+44 844 412 4653"}),
        context=json.dumps({"audience": name, **context}),
    )


class World:
    """A rehearsal with CRMs and ad platforms, which remember from one delivery to the next."""

    def __init__(self, place: Place, templates: Path) -> None:
        self.place, self.templates = place, templates
        self.now = NOW
        self.asked: list[str] = []
        self._ticks = 0

    def deliver(
        self, rows: Sequence[dict[str, Any]], before: Callable[[str], Reply | None] | None = None, **more: Any
    ) -> DeliveryAccount:
        """Deliver rows of one channel, as a tick of their own; `before` may answer for a request by method and path."""
        self._ticks += 1
        moment = self.now.replace(second=self._ticks % 60)
        write_outbox(self.place.outbox, rows, channel=rows[0]["channel"], tick_end=moment)
        return self.again(before, **more)

    def again(self, before: Callable[[str], Reply | None] | None = None, **more: Any) -> DeliveryAccount:
        """Deliver what is still there."""
        self.asked.clear()
        with self.sandbox(before) as url:
            account = self.place.deliver(
                1, webhooks=url, channels=CHANNELS, templates=self.templates, now=lambda: self.now, **more
            )
        assert account.adds_up
        return account

    @contextmanager
    def sandbox(self, before: Callable[[str], Reply | None] | None = None) -> Iterator[str]:
        def noted(name: str) -> Reply | None:
            self.asked.append(name)
            return before(name) if before else None

        with HttpSandbox(self.place.received, now=lambda: self.now, before=noted) as sandbox:
            yield sandbox.url

    @contextmanager
    def records(self) -> Iterator[Records]:
        """What the providers remember, to look at or to change as somebody does who works there."""
        with closing(Records(self.place.received)) as records:
            yield records

    def bodies(self, provider: str) -> list[Any]:
        """What a provider took, request by request."""
        taken = [call.body for call in webhooks(self.place.received) if call.endpoint == provider]
        return [json.loads(body) for body in taken if body.startswith((b"{", b"["))]


def in_turn(*replies: Reply | None, only: str = "") -> Callable[[str], Reply | None]:
    """A reply to each request in turn, of those whose method and path hold `only`; None lets it through."""
    waiting = list(replies)

    def script(name: str) -> Reply | None:
        return waiting.pop(0) if waiting and only in name else None

    return script
