"""Notifications in the shop's app, by Firebase Cloud Messaging (HTTP v1): one request a message."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from functools import cached_property
from typing import Any

import orjson

from activations.addresses.lost_addresses import Lost, spool_lost
from activations.channels.face import Answer, Message, Setting, UnsendableError, read_profile
from activations.channels.in_flight import in_flight
from activations.channels.receivers import REASON_LENGTH, Meaning, Receivers, stated_text
from activations.channels.unasked import BlindChannel
from activations.delivery.outbox import Action, sent_at
from activations.errors import HourbellError
from activations.keys.access_tokens import AccessTokens, AccessUnknownError
from activations.keys.service_account import grant_of, read_service_account, sandbox_account
from activations.landed_events import identifiers_of
from activations.settings.settings_file import read_settings
from activations.surfaces.short_links import ShortLinks
from activations.templating.field_files import PUSH
from activations.templating.push_content import Notification, render_notification
from activations.templating.rendering import Templates
from activations.transport.http import HttpAnswer, HttpPool

PROVIDER = "fcm"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_API = "https://fcm.googleapis.com"
_EXAMPLE = "example-shop"
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_TOKEN = re.compile(r"[A-Za-z0-9:_\-.=%]{8,4096}")
_LONGEST_WAIT = timedelta(weeks=4)
_LARGEST = 4_096
"""Bytes that FCM passes on."""
_LONGEST_COLLAPSE = 64
_RATE = 10_000.0
"""600,000 a minute is what a project may ask for as long as nothing else was agreed."""
_ANSWER_BYTES = 1_000
_QUOTA_REST = 60.0
"""How long FCM wants to be left alone at least, where it does not say."""
_HEADERS = {
    "content-type": "application/json",
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "Hourbell",
}
_GONE, _ENDED = "UNREGISTERED", "UNAUTHENTICATED"
_MEANINGS: Mapping[str, Meaning] = {
    _GONE: Meaning("rejected"),
    _ENDED: Meaning("retry"),
    # the token belongs to another project: the others' may be good
    "SENDER_ID_MISMATCH": Meaning("rejected"),
    "INVALID_ARGUMENT": Meaning("rejected"),
    "QUOTA_EXCEEDED": Meaning("retry", _QUOTA_REST),
    "UNAVAILABLE": Meaning("retry"),
    "THIRD_PARTY_AUTH_ERROR": Meaning("postponed"),
    "INTERNAL": Meaning("in doubt"),
}


def open_channel(setting: Setting) -> "PushChannel":
    """The channel to the app of push.yml; raises HourbellError where that cannot be used."""
    profile = setting.profile
    profile.needs_http_sandbox()
    path = setting.templates / PUSH
    stated = read_settings(path, "must hold `project`.")
    project = stated.get("project")
    if stated.keys() != {"project"} or not isinstance(project, str) or not _PROJECT.fullmatch(project):
        raise HourbellError(f"{path} must hold `project`, the id of a project of Firebase, and nothing else.")
    if profile.is_live and project == _EXAMPLE:
        raise HourbellError(f"{path} still names the example project. Put your own there before messages go live.")
    account = (
        read_service_account(profile.key_file(PROVIDER))
        if profile.is_live
        else sandbox_account(f"{profile.http_sandbox}/{PROVIDER}/token")
    )
    pool = HttpPool(profile)
    grant = grant_of(account, SCOPE, setting.now)
    access = AccessTokens(pool, account.token_url, grant, setting.now, "mend the account's key or its rights")
    rate = profile.rates.get("push", _RATE)
    return PushChannel(setting, project, access, Templates(setting.templates), pool, ShortLinks(setting), rate=rate)


@dataclass(frozen=True)
class PushChannel(BlindChannel):
    """Blind: FCM takes no key of ours. A message that comes twice replaces itself on the screen, but rings twice."""

    setting: Setting
    project: str
    access: AccessTokens = field(repr=False)
    templates: Templates
    pool: HttpPool
    short_links: ShortLinks
    name: str = "push"
    rate: float | None = field(default=_RATE, kw_only=True)

    @property
    def provider(self) -> str:
        return PROVIDER if self.setting.profile.is_live else "sandbox"

    def validate(self, address: str | None) -> str:
        if not address:
            raise UnsendableError("no device is registered")
        if not _TOKEN.fullmatch(address):
            raise UnsendableError("not a registration token of FCM")
        return address

    def render(self, action: Action, message_id: str) -> Message:
        token = self.validate(action.address)
        said = render_notification(self.templates, action, self.setting.profile.link_key)
        request = {"message": _message(token, said, action, message_id)}
        content = {"contact": identifiers_of(read_profile(action.profile)), "request": request}
        if len(orjson.dumps([request["message"]["notification"], request["message"]["data"]])) > _LARGEST:
            raise UnsendableError(f"template {action.template}: the notification has more than {_LARGEST:,} bytes")
        return Message(action.action_id, message_id, token, orjson.dumps(content), said.links, action.expires_at)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        self.short_links.keep(batch)
        lost: list[Lost] = []

        async def post(message: Message) -> list[Answer]:
            content = orjson.loads(message.content)
            answers = await self._post(message, orjson.dumps(self.request(message, content)))
            lost.extend(
                Lost(message.message_id, message.address, content["contact"], _GONE)
                for answer in answers
                if answer.status == "rejected" and (answer.reason or "").startswith(_GONE)
            )
            return answers

        answers = await in_flight(batch, post)
        spool_lost(self.setting.spool, self.name, lost, self.setting.now())
        return answers

    def request(self, message: Message, content: Mapping[str, Any]) -> dict[str, Any]:
        """What is posted, which waits for a phone no longer than until the message expires."""
        request: dict[str, Any] = content["request"]
        keeps = message.keeps(self.setting.now(), _LONGEST_WAIT)
        if keeps is not None:
            request["message"]["android"]["ttl"] = f"{keeps}s"
        return request

    async def close(self) -> None:
        self.short_links.close()
        await self.pool.close()

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(
            self.pool,
            self.setting.now,
            f"mend {PUSH}, the key or the account's rights",
            means=_means,
            known_as=_known_as,
        )

    @cached_property
    def url(self) -> str:
        profile = self.setting.profile
        base = _API if profile.is_live else f"{profile.http_sandbox}/{PROVIDER}"
        return f"{base}/v1/projects/{self.project}/messages:send"

    async def _post(self, message: Message, body: bytes) -> list[Answer]:
        """Send with a token of access, and once more with a new one where that had ended: nothing was taken then."""
        told = ""
        for _ in range(2):
            if rested := self._receivers.rested(PROVIDER, [message]):
                return rested
            try:
                token = await self.access.token()
            except AccessUnknownError as error:
                return [Answer(message.action_id, "retry", str(error))]
            except HourbellError as error:
                return self._receivers.leave_alone(PROVIDER, message, "postponed", str(error))
            headers = {**_HEADERS, "authorization": f"Bearer {token}"}
            [answer] = await self._receivers.send(PROVIDER, self.url, headers, body, message, read=_ANSWER_BYTES)
            told = answer.reason or ""
            if not told.startswith(_ENDED):
                return [answer]
            self.access.forget(token)
        return self._receivers.leave_alone(PROVIDER, message, "postponed", told)


def shown(content: bytes) -> tuple[str, str]:
    """A notification's title and body."""
    said = orjson.loads(content)["request"]["message"]["notification"]
    return said["title"], said["body"]


def _message(token: str, said: Notification, action: Action, message_id: str) -> dict[str, Any]:
    """As FCM's Message has it, with what is said otherwise on each system."""
    collapse = said.collapse[:_LONGEST_COLLAPSE] if said.collapse else None
    notification = {"title": said.title, "body": said.body}
    android: dict[str, Any] = {"notification": {"tag": collapse or message_id}}
    # the newest of one kind is kept for a phone that is off; of such kinds FCM keeps four
    headers = {"apns-collapse-id": (collapse or message_id)[:_LONGEST_COLLAPSE]}
    if collapse:
        android["collapseKey"] = collapse
    if said.image:
        notification["image"] = said.image
    if action.topic_kind == "transactional":
        android["priority"] = "HIGH"
    if action.expires_at is not None:
        # Apple wants a moment, and the others a time from when it is pushed
        latest = min(action.expires_at, sent_at(action) + _LONGEST_WAIT)
        headers["apns-expiration"] = str(int(latest.replace(tzinfo=UTC).timestamp()))
    data = {"message_id": message_id, "workflow": action.workflow, "step": action.step}
    if said.url:
        data["url"] = said.url
    return {
        "token": token,
        "notification": notification,
        "data": data,
        "android": android,
        "apns": {"headers": headers, "payload": {"aps": {"sound": "default"}}},
    }


def _known_as(said: HttpAnswer) -> str | None:
    name = stated_text(said).get("name")
    return name if isinstance(name, str) else None


def _means(said: HttpAnswer) -> Meaning | None:
    """By FCM's own code where it gives one: 404 and 403 may be of the token or of the project."""
    error: Any = stated_text(said).get("error")
    if not isinstance(error, dict):
        return None
    details = error.get("details")
    codes = [each.get("errorCode") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    # what is wrong with a field, and a token of access that has ended, have no code of FCM's
    code = next((code for code in codes if code), error.get("status"))
    meant = _MEANINGS.get(str(code))
    return meant and meant._replace(reason=f"{code}: {' '.join(str(error.get('message')).split())}"[:REASON_LENGTH])
