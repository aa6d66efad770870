"""Notifications in browsers, by the push service that each browser has (RFC 8030): one request a message.

A subscription comes from outside, with the address that is to be called. It leads to a push service of web_push.yml and
nowhere else, and the transport's own guards look at it once more.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, NamedTuple

import orjson
from yarl import URL

from activations.addresses.lost_addresses import Lost, spool_lost
from activations.channels.face import Answer, Message, Setting, UnsendableError, json_object
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Meaning, Receivers
from activations.channels.unasked import BlindChannel
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.keys.vapid import LARGEST, BrowserKeys, KeysRefusedError, Vapid, read_vapid_key, sandbox_key
from activations.landed_events import identifiers_of
from activations.settings.profile import covers
from activations.settings.settings_file import read_settings
from activations.surfaces.short_links import ShortLinks
from activations.templating.push_content import render_notification
from activations.templating.rendering import Templates
from activations.transport.http import HttpAnswer, HttpPool

FILE = "web_push.yml"
_EXAMPLE = "mailto:hello@shop.example"
_SUBJECT = re.compile(r"mailto:[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+|https://[^\s<>]+")
_SERVICE = re.compile(r"(\*\.[a-z0-9-]+|[a-z0-9-]+)(\.[a-z0-9-]+)+")
_LONGEST_WAIT = timedelta(weeks=4)
_LONGEST = int(_LONGEST_WAIT.total_seconds())
_LONGEST_ENDPOINT = 2_000
_DECLARATIVE = 8030
"""Says that a browser which can may show it without a script of ours."""
_GONE = "the subscription is gone"


def open_channel(setting: Setting) -> "WebPushChannel":
    """The channel to the push services of web_push.yml; raises HourbellError where that cannot be used."""
    profile = setting.profile
    profile.needs_http_sandbox()
    path = setting.templates / FILE
    stated = read_settings(path, "must hold `subject` and `services`.")
    subject, services = stated.get("subject"), stated.get("services")
    if stated.keys() != {"subject", "services"} or not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise HourbellError(
            f"{path} must hold `subject` (mailto:… or https://…) and `services`, and nothing else, for notifications "
            "to be sent to browsers."
        )
    if not isinstance(services, list) or not all(isinstance(one, str) and _SERVICE.fullmatch(one) for one in services):
        raise HourbellError(f"{path}: `services` must be a list of hosts; *.example.com stands for all below a name.")
    if profile.is_live and subject == _EXAMPLE:
        raise HourbellError(f"{path} still names the example shop. Put your own address there before you go live.")
    key = read_vapid_key(profile.key_file("vapid")) if profile.is_live else sandbox_key()
    return WebPushChannel(
        setting,
        frozenset(services),
        Vapid(key, subject, setting.now),
        Templates(setting.templates),
        HttpPool(profile),
        ShortLinks(setting),
        rate=profile.rates.get("web_push"),
    )


class Subscription(NamedTuple):
    """Where a browser is reached, and how it is written to."""

    endpoint: URL
    keys: BrowserKeys

    @property
    def origin(self) -> str:
        return str(self.endpoint.origin())

    @property
    def host(self) -> str:
        return self.endpoint.raw_host or ""


@dataclass(frozen=True)
class WebPushChannel(BlindChannel):
    """Blind: a push service takes the same message any number of times; `Topic` only replaces what still waits."""

    setting: Setting
    services: frozenset[str]
    vapid: Vapid = field(repr=False)
    templates: Templates
    pool: HttpPool
    short_links: ShortLinks
    name: str = "web_push"

    @property
    def provider(self) -> str:
        return "web_push" if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        """The subscription as it was given, which says where it leads and how it is written to."""
        self._subscription(address)
        return address or ""

    def render(self, action: Action, message_id: str) -> Message:
        address = self.validate(action.address)
        said = render_notification(self.templates, action, self.setting.profile.link_key)
        notification = {
            "title": said.title,
            "body": said.body,
            "navigate": said.url or self.templates.shop.url,
            "tag": said.collapse or message_id,
            "data": {"message_id": message_id, "workflow": action.workflow, "step": action.step},
            **({"image": said.image} if said.image else {}),
        }
        payload = orjson.dumps({"web_push": _DECLARATIVE, "notification": notification})
        if len(payload) > LARGEST:
            raise UnsendableError(f"template {action.template}: the notification has more than {LARGEST:,} bytes")
        content = {
            "contact": identifiers_of(json_object("profile", action.profile)),
            "headers": {
                "topic": _topic(said.collapse or message_id),
                "urgency": "high" if action.topic_kind == "transactional" else "normal",
            },
            "payload": payload.decode(),
        }
        return Message(action.action_id, message_id, address, orjson.dumps(content), said.links, action.expires_at)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        self.short_links.keep(batch)
        lost: list[Lost] = []
        answers = await in_flight(batch, partial(self._post, lost))
        spool_lost(self.setting.spool, self.name, lost, self.setting.now())
        return answers

    def headers(self, message: Message, content: Mapping[str, Any]) -> dict[str, str]:
        """How it is kept, which is no longer than until the message expires."""
        keeps = message.keeps(self.setting.now(), _LONGEST_WAIT)
        return {**content["headers"], "ttl": str(_LONGEST if keeps is None else keeps)}

    async def close(self) -> None:
        self.short_links.close()
        await self.pool.close()

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(self.pool, self.setting.now, f"mend {FILE} or the key", means=_means, known_as=_known_as)

    async def _post(self, lost: list[Lost], message: Message) -> list[Answer]:
        content = orjson.loads(message.content)
        subscription = self._subscription(message.address)
        headers = {
            **self.headers(message, content),
            "authorization": self.vapid.authorization(subscription.origin),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "user-agent": "Hourbell",
        }
        # encrypted here, as each time must be under another key
        body = subscription.keys.encrypted(content["payload"].encode())
        # each service is left alone for itself
        answers = await self._receivers.send(subscription.host, self._url(subscription), headers, body, message)
        if any(answer.status == "rejected" and answer.reason == _GONE for answer in answers):
            lost.append(Lost(message.message_id, message.address, content["contact"], _GONE))
        return answers

    def _url(self, subscription: Subscription) -> str:
        profile = self.setting.profile
        if profile.is_live:
            return str(subscription.endpoint)
        return f"{profile.http_sandbox}/web_push/{subscription.host}{subscription.endpoint.raw_path_qs}"

    def _subscription(self, address: str | None) -> Subscription:
        if not address:
            raise UnsendableError("no browser is subscribed")
        try:
            stated = orjson.loads(address)
            keys, endpoint = stated["keys"], _endpoint(stated["endpoint"])
            browser = BrowserKeys.read(keys["p256dh"], keys["auth"])
        except KeysRefusedError as error:
            raise UnsendableError(f"not a subscription of a browser: {error}") from error
        except (ValueError, LookupError, TypeError) as error:
            raise UnsendableError("not a subscription of a browser: it has no endpoint and keys") from error
        found = Subscription(endpoint, browser)
        if not covers(self.services, found.host):
            raise UnsendableError(f"{found.host} is no push service of {FILE}")
        return found


def shown(content: bytes) -> tuple[str, str]:
    """A notification's title and body."""
    said = orjson.loads(orjson.loads(content)["payload"])["notification"]
    return said["title"], said["body"]


def _endpoint(text: Any) -> URL:
    """Read by the same that the transport reads it by, so that nobody sees another host in it; raises ValueError."""
    if not isinstance(text, str) or len(text) > _LONGEST_ENDPOINT or not text.isprintable() or not text.isascii():
        raise ValueError("no address")
    if any(mark in text for mark in " \\"):
        raise ValueError("no address")
    endpoint = URL(text)
    if endpoint.scheme != "https" or endpoint.explicit_port not in (None, 443) or not endpoint.raw_host:
        raise ValueError("not on the usual port of https")
    if endpoint.raw_user is not None or endpoint.raw_password is not None or endpoint.raw_fragment:
        raise ValueError("carries more than an address")
    return endpoint


def _topic(collapse: str) -> str:
    """At most 32 letters of base64, whatever it is about."""
    return base64.urlsafe_b64encode(hashlib.sha256(collapse.encode()).digest())[:32].decode()


def _known_as(said: HttpAnswer) -> str | None:
    return said.headers.get("Location")


def _means(said: HttpAnswer) -> Meaning | None:
    """404 and 410 are of the one subscription, and so is 403, unless it is our token that is not believed."""
    if said.status in (404, 410):
        return Meaning("rejected", reason=_GONE)
    if said.status == 403:
        return Meaning("postponed" if "jwt" in said.text.lower() else "rejected")
    return None
