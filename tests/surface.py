"""A place with the channels of the surfaces, and the collector that serves what they left."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from rehearsal import NOW, Place, action
from serving import Client, served

from activations.channels.registry import CHANNELS
from activations.collector.app import create_app
from activations.collector.collector import Collector
from activations.collector.sealing import seal_collected
from activations.collector.store import CollectedLog, Store
from activations.collector.write_keys import write_keys
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.surfaces.tokens import Viewer, contact_token


@dataclass
class Surface:
    """Delivers to the surfaces, and is asked at a time that may be turned."""

    place: Place
    held: ExitStack
    templates: Path = TEMPLATES
    now: datetime = NOW
    ports: list[int] = field(default_factory=list)

    def deliver(self, **more: Any) -> DeliveryAccount:
        account = self.place.deliver(1, channels=CHANNELS, templates=self.templates, **{"now": self.now, **more})
        assert account.adds_up
        return account

    def client(self, token: str | None = None) -> Client:
        if not self.ports:
            collector = Collector(
                write_keys({}),
                self.place.profile(1),
                self.templates,
                lambda: self.now,
                Store(CollectedLog(self.collected), lambda: self.now),
                data=self.place.root,
            )
            self.ports.append(self.held.enter_context(served(create_app(collector))))
        return Client(self.ports[0], token)

    def as_user(self, user_id: str) -> Client:
        return self.client(self.token(Viewer(user_id=user_id)))

    def as_contact(self, contact_id: int) -> Client:
        return self.client(self.token(Viewer(contact_id=contact_id)))

    def token(self, viewer: Viewer, key: bytes | None = None) -> str:
        return contact_token(viewer, key or self.place.profile(1).link_key, self.now + timedelta(hours=1))

    @property
    def collected(self) -> Path:
        return self.place.root / "collected"

    def events(self) -> pl.DataFrame:
        """What was reported, as it would land."""
        seal_collected(self.collected, self.place.spool)
        return pl.concat(pl.read_parquet(path) for path in sorted(self.place.spool.glob("events/*.parquet")))


def in_app_action(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the outbox: a cart reminder in the app."""
    return action(number, **{"channel": "in_app", "address": str(number), "template": "cart_reminder", **changes})
