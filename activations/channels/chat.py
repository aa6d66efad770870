"""Notices to colleagues who read Slack or Teams: one post each to the incoming webhook of a room."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import orjson

from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.channels.in_flight import in_flight
from activations.channels.receivers import Receivers
from activations.channels.unasked import UnaskedChannel
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.settings.endpoints import fault_of_url
from activations.settings.people import FILE, Person, read_on, read_people
from activations.templating.notices import rendered_notice
from activations.templating.rendering import Templates
from activations.transport.http import HttpAnswer, HttpPool

SLACK, TEAMS = "slack", "teams"
_HEADERS = {
    "content-type": "application/json; charset=utf-8",
    "accept": "*/*",
    "accept-encoding": "identity",
    "user-agent": "Hourbell",
}
_ANSWER_BYTES = 200
# what Slack reads as a mention or a link; all else is left as it is written
_CONTROL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_SLACK_LONGEST = 4_000
_TEAMS_LARGEST = 28_000
_SLACK_REFUSES_US = frozenset(
    {"no_service", "no_service_id", "no_team", "team_disabled", "invalid_token", "no_active_hooks", "user_not_found"}
)
_TEAMS_REFUSES_US = frozenset({"WorkflowTriggerIsNotEnabled", "TriggerNotEnabled", "WorkflowNotFound"})


def slack_body(subject: str, text: str) -> bytes:
    """A post to Slack, in which nothing that a contact wrote notifies anybody or becomes a link."""
    written = f"{subject}\n{text}".translate(_CONTROL)
    if len(written) > _SLACK_LONGEST:
        raise UnsendableError(f"the notice has more than {_SLACK_LONGEST:,} characters")
    return orjson.dumps({"text": written, "mrkdwn": False})


def teams_body(subject: str, text: str) -> bytes:
    """A card for Teams. Runs of text know no Markdown, so that it reads as it is written."""
    lines = (
        [{"type": "TextRun", "text": subject, "weight": "Bolder"}],
        *([{"type": "TextRun", "text": line}] for line in text.splitlines() if line.strip()),
    )
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [{"type": "RichTextBlock", "inlines": inlines} for inlines in lines],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    body = orjson.dumps({"type": "message", "attachments": [attachment]})
    if len(body) > _TEAMS_LARGEST:
        raise UnsendableError(f"the notice has more than {_TEAMS_LARGEST // 1_000} KB")
    return body


def _slack_refuses_us(said: HttpAnswer) -> bool:
    return said.text.strip() in _SLACK_REFUSES_US


def _teams_refuses_us(said: HttpAnswer) -> bool:
    try:
        error = json.loads(said.text)["error"]
        return error["code"] in _TEAMS_REFUSES_US
    except (ValueError, LookupError, TypeError):
        return False


@dataclass(frozen=True)
class _Kind:
    """What differs between the two."""

    body: Callable[[str, str], bytes]
    rate: float
    """Posts a second that it takes."""
    refuses_us: Callable[[HttpAnswer], bool]
    taken: str | None
    """What it says to whatever it took; None where it says nothing of its own."""


_KINDS: Mapping[str, _Kind] = {
    SLACK: _Kind(slack_body, 1.0, _slack_refuses_us, "ok"),
    TEAMS: _Kind(teams_body, 4.0, _teams_refuses_us, None),
}


def open_slack(setting: Setting) -> "ChatChannel":
    """The channel to the rooms in Slack that people.yml names; raises HourbellError where it cannot be used."""
    return _opened(setting, SLACK)


def open_teams(setting: Setting) -> "ChatChannel":
    """The channel to the rooms in Teams that people.yml names; raises HourbellError where it cannot be used."""
    return _opened(setting, TEAMS)


def _opened(setting: Setting, name: str) -> "ChatChannel":
    profile = setting.profile
    profile.needs_http_sandbox()
    people = read_people(setting.templates)
    rooms = {person.reads[name] for person in people.values() if name in person.reads}
    urls = {}
    for room in rooms:
        token = profile.token(room)
        urls[room] = token if profile.is_live else f"{profile.http_sandbox}/{name}/{room}"
        # the address is the secret: no error quotes it
        if profile.is_live and fault_of_url(token) is not None:
            raise HourbellError(f"HOURBELL_TOKEN_{room.upper()} is not the https:// address of an incoming webhook.")
    return ChatChannel(name, setting, Templates(setting.templates), people, urls, HttpPool(profile), _KINDS[name].rate)


@dataclass(frozen=True)
class ChatChannel(UnaskedChannel):
    """Blind: a webhook takes the same post any number of times, and cannot be asked."""

    name: str
    setting: Setting
    templates: Templates
    people: Mapping[str, Person]
    urls: Mapping[str, str] = field(repr=False)
    """By room."""
    pool: HttpPool
    rate: float | None
    kinds: frozenset[str] = frozenset({"notify"})
    idempotency: Idempotency = "blind"
    # a batch is what a crash leaves unknown
    batch_size: int = 10
    push_size: int = 10
    window: timedelta | None = None

    @property
    def provider(self) -> str:
        return self.name if self.setting.profile.is_live else "sandbox"

    @cached_property
    def _receivers(self) -> Receivers:
        return Receivers(
            self.pool,
            self.setting.now,
            f"mend {FILE}, or the webhook's address in HOURBELL_TOKEN_<NAME>",
            refuses_us=_KINDS[self.name].refuses_us,
        )

    def validate(self, address: str | None) -> str:
        """The contact's own id; where the colleague reads is said by people.yml."""
        return address or ""

    def render(self, action: Action, message_id: str) -> Message:
        details = json_object("context", action.context)
        room = read_on(self.people, self.name, details.get("person"))
        body = _KINDS[self.name].body(*rendered_notice(self.templates, action, details))
        return Message(action.action_id, message_id, room, body)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await in_flight(batch, self._post)

    async def close(self) -> None:
        await self.pool.close()

    async def _post(self, message: Message) -> list[Answer]:
        room, taken = message.address, _KINDS[self.name].taken
        if rested := self._receivers.rested(room, [message]):
            return rested
        [answer] = await self._receivers.post(
            room, self.urls[room], _HEADERS, message.content, [message], read=_ANSWER_BYTES
        )
        if answer.status == "accepted" and taken is not None and (answer.reason or "").strip() != taken:
            # something between us answered
            return [answer._replace(status="in doubt", provider_message_id=None)]
        return [answer._replace(reason=None) if answer.status == "accepted" else answer]
