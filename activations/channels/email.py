"""E-mail over SMTP, with a text and an HTML part: to contacts, and to colleagues about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from email_validator import EmailNotValidError, validate_email
from markupsafe import escape

from activations import mime
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError, json_object
from activations.dkim import signed
from activations.email_addresses import checked_address
from activations.errors import HourbellError
from activations.links import message_links
from activations.outbox import Action, sent_at
from activations.people import read_people
from activations.profile import Profile
from activations.rendering import Rendered, Templates
from activations.sandbox.store import find
from activations.transport.smtp import SmtpPool


def open_channel(setting: Setting) -> "EmailChannel":
    """The channel over the profile's mail server; raises HourbellError where templates or shop.yml cannot be used."""
    templates = Templates(setting.templates)
    profile = setting.profile
    if profile.is_live and templates.shop.is_example:
        raise HourbellError(
            f"{setting.templates / 'shop.yml'} still describes the example shop ({templates.shop.sender}). Put your "
            "own name and addresses there before you go live."
        )
    return EmailChannel(
        profile,
        templates,
        SmtpPool(profile, templates.shop.sender),
        read_people(setting.templates),
        # over a server that cannot be asked a batch is what a crash leaves unknown
        batch_size=500 if profile.smtp.kept_in else 100,
        rate=profile.rate,
    )


@dataclass(frozen=True)
class EmailChannel:
    """A mail server is blind: it takes the same message any number of times. Only a sandbox can be asked."""

    profile: Profile
    templates: Templates
    pool: SmtpPool
    people: Mapping[str, str] = field(default_factory=dict)
    """Where colleagues read mail, by name."""
    name: str = "email"
    kinds: frozenset[str] = frozenset({"send", "notify"})
    batch_size: int = 500
    push_size: int = 100
    window: timedelta | None = None
    rate: float | None = None
    ask_after: float = 0.5

    @property
    def provider(self) -> str:
        return "sandbox" if self.profile.smtp.kept_in else self.profile.smtp.host

    @property
    def idempotency(self) -> Idempotency:
        return "askable" if self.profile.smtp.kept_in else "blind"

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
            **json_object("profile", action.profile),
        }
        context = json_object("context", action.context, parse_float=Decimal)
        if action.kind == "notify":
            recipient, rendered = self._notice(contact, context)
            headers = self._headers(action, message_id, recipient, rendered)
        else:
            recipient = self.validate(action.address)
            if action.template is None:
                raise UnsendableError("no template is named")
            links = message_links(self.templates.shop, action, self.profile.link_key)
            message = {"topic": action.topic, "variant": action.variant, **links}
            rendered = self.templates.render(action.template, contact=contact, context=context, message=message)
            headers = self._headers(action, message_id, recipient, rendered, links.get("unsubscribe_url"))
        boundary = f"=_hourbell_{action.action_id}"
        content = mime.email_bytes(headers, text=rendered.text, html=rendered.html, boundary=boundary)
        if self.profile.dkim is not None:
            domain = self.templates.shop.sender.rpartition("@")[2]
            content = signed(content, self.profile.dkim, domain=domain, signed_at=sent_at(action))
        return Message(action.action_id, message_id, recipient, content)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        return await self.pool.send(batch)

    async def ask(self, message_ids: Sequence[str]) -> Mapping[str, str]:
        kept_in = self.profile.smtp.kept_in
        if kept_in is None:
            return {}
        return {received.message_id: f"kept as {received.number}" for received in find(kept_in, message_ids)}

    async def close(self) -> None:
        await self.pool.close()

    def _notice(self, contact: Mapping[str, Any], details: Mapping[str, Any]) -> tuple[str, Rendered]:
        """A colleague's address, and what they are told of a contact."""
        person, subject, text = (details.get(name) for name in ("person", "subject", "text"))
        if not isinstance(person, str) or person not in self.people:
            raise UnsendableError(f"people.yml names nobody {person!r}")
        if not isinstance(subject, str) or not isinstance(text, str):
            raise UnsendableError("the context has no subject and text")
        context = details.get("context") or {}
        subject, text = (
            self.templates.render_text(source, contact=contact, context=context) for source in (subject, text)
        )
        html = "<p>" + "<br>\n".join(str(escape(line)) for line in text.splitlines()) + "</p>"
        return self.validate(self.people[person]), Rendered(mime.one_line(subject), html, text)

    def _headers(
        self, action: Action, message_id: str, recipient: str, rendered: Rendered, unsubscribe: str | None = None
    ) -> dict[str, str]:
        shop = self.templates.shop
        headers = {
            "From": mime.mailbox(shop.name, shop.sender),
            "To": recipient,
            "Subject": rendered.subject,
            "Date": mime.date(sent_at(action)),
            "Message-ID": message_id,
            "Feedback-ID": ":".join((action.template or action.kind, action.workflow, action.topic or "", "hourbell")),
        }
        if unsubscribe is not None:
            headers["List-Unsubscribe"] = f"<{unsubscribe}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


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
