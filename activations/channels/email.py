"""E-mail with a text and an HTML part: to contacts, and to colleagues about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from email_validator import EmailNotValidError, validate_email
from markupsafe import escape

from activations.addresses.email_addresses import checked_address
from activations.carriers.face import UNSUBSCRIBE, Carrier, Mail
from activations.carriers.registry import CARRIERS
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object, read_profile
from activations.delivery.outbox import Action, sent_at
from activations.errors import HourbellError
from activations.links import message_links
from activations.settings.people import EMAIL, Person, read_on, read_people
from activations.settings.profile import MAIL_CARRIER, Profile
from activations.templating.notices import rendered_notice
from activations.templating.rendering import Rendered, Templates
from activations.templating.tracking import tracking_of
from activations.texts import Same, Text, pieces_of

_BEFORE, _BEHIND, _ONE_CLICK = Same("<"), Same(">"), Same("List-Unsubscribe=One-Click")


def open_channel(setting: Setting) -> "EmailChannel":
    """The channel by the profile's carrier; raises HourbellError where that, templates or shop.yml cannot be used."""
    templates = Templates(setting.templates)
    profile = setting.profile
    if profile.is_live and templates.shop.is_example:
        raise HourbellError(
            f"{setting.templates / 'shop.yml'} still describes the example shop ({templates.shop.sender}). Put your "
            "own name and addresses there before you go live."
        )
    if profile.mail_carrier not in CARRIERS:
        raise HourbellError(
            f"{MAIL_CARRIER} is {profile.mail_carrier!r}, and nobody of that name carries mail. Set it to one of "
            f"{', '.join(CARRIERS)}."
        )
    carrier = CARRIERS[profile.mail_carrier](setting, templates.shop.sender)
    return EmailChannel(
        profile,
        templates,
        carrier,
        read_people(setting.templates),
        batch_size=carrier.batch_size,
        push_size=carrier.push_size,
        window=carrier.window,
        rate=profile.rate,
    )


@dataclass(frozen=True)
class EmailChannel:
    """What becomes of a call whose answer is lost is its carrier's matter."""

    profile: Profile
    templates: Templates
    carrier: Carrier
    people: Mapping[str, Person] = field(default_factory=dict)
    """Where colleagues read, by name."""
    name: str = "email"
    kinds: frozenset[str] = frozenset({"send", "notify"})
    batch_size: int = 500
    push_size: int = 100
    window: timedelta | None = None
    rate: float | None = None
    ask_after: float = 0.5

    @property
    def provider(self) -> str:
        return self.carrier.provider

    @property
    def idempotency(self) -> Idempotency:
        return self.carrier.idempotency

    def validate(self, address: str | None) -> str:
        if not address:
            raise UnsendableError("no e-mail address")
        try:
            return checked_address(address, partial(_checked, is_live=self.profile.is_live))
        except EmailNotValidError as error:
            raise UnsendableError(f"not an e-mail address: {error}") from error

    def message_id(self, action_id: int) -> str:
        return f"<{action_id}.hourbell@{self.templates.shop.sender.rpartition('@')[2]}>"

    def render(self, action: Action, message_id: str) -> Message:
        contact = {
            "locale": action.locale,
            "timezone": action.timezone,
            **read_profile(action.profile),
        }
        context = json_object("context", action.context, parse_float=Decimal)
        headers: dict[str, str] = {
            "Feedback-ID": _feedback_id(action.template or action.kind, action.workflow, action.topic or "")
        }
        if action.kind == "notify":
            recipient, rendered = self._notice(action, context)
        else:
            recipient = self.validate(action.address)
            if action.template is None:
                raise UnsendableError("no template is named")
            links = message_links(self.templates.shop, action, self.profile.link_key)
            message = {"topic": action.topic, "variant": action.variant, **links}
            rendered = self.templates.render(
                action.template,
                contact=contact,
                context=context,
                message=message,
                links=tracking_of(self.templates.shop, action, self.profile.link_key),
            )
            if unsubscribe := links.get("unsubscribe_url"):
                headers[UNSUBSCRIBE] = Text((_BEFORE, *pieces_of(unsubscribe), _BEHIND))
                headers["List-Unsubscribe-Post"] = _ONE_CLICK
        shop = self.templates.shop
        mail = Mail(
            action.action_id,
            message_id,
            recipient,
            shop.sender,
            shop.name,
            rendered.subject,
            rendered.text,
            rendered.html,
            headers,
            sent_at(action),
        )
        return Message(action.action_id, message_id, recipient, self.carrier.encode(mail))

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await self.carrier.push(batch)

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        return await self.carrier.ask(message_ids)

    async def look(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        # a carrier that can be asked is told nothing by it
        return await self.ask(message_ids)

    async def close(self) -> None:
        await self.carrier.close()

    def _notice(self, action: Action, details: Mapping[str, Any]) -> tuple[str, Rendered]:
        """A colleague's address, and what they are told of a contact."""
        address = read_on(self.people, EMAIL, details.get("person"))
        subject, text = rendered_notice(self.templates, action, details)
        html = "<p>" + "<br>\n".join(str(escape(line)) for line in text.splitlines()) + "</p>"
        return self.validate(address), Rendered(subject, html, text)


@lru_cache(maxsize=1_000)
def _feedback_id(template: str, workflow: str, topic: str) -> Same:
    """What mailboxes tell of complaints by."""
    return Same(f"{template}:{workflow}:{topic}:hourbell")


@lru_cache(maxsize=10_000)
def _checked(address: str, is_live: bool) -> str:
    """An address as a mail server wants it; raises EmailNotValidError."""
    checked = validate_email(
        address,
        allow_smtputf8=False,
        check_deliverability=False,
        # a rehearsal's addresses may be ones that cannot exist
        test_environment=not is_live,
    )
    return str(checked.ascii_email)
