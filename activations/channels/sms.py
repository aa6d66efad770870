"""Text messages, by whoever carries them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs

from activations.addresses.phone_numbers import checked_phone
from activations.channels.face import Answer, Idempotency, Message, Setting, UnsendableError
from activations.channels.unasked import UnaskedChannel
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.settings.profile import Profile
from activations.settings.text_sender import FILE, read_text_sender
from activations.surfaces.short_links import ShortLinks
from activations.templating.given import given
from activations.templating.rendering import Templates
from activations.templating.tracking import text_tracking_of
from activations.text_carriers.face import Text, TextCarrier
from activations.text_carriers.registry import TEXT_CARRIERS


def open_channel(setting: Setting) -> "SmsChannel":
    """The channel by the carrier, account and sender of sms.yml; raises HourbellError where that cannot be used."""
    profile = setting.profile
    profile.needs_http_sandbox()
    sender = read_text_sender(setting.templates)
    if profile.is_live and sender.is_example:
        raise HourbellError(
            f"{setting.templates / FILE} still names the example account. Put your own account and sender there "
            "before text messages go live."
        )
    carrier = TEXT_CARRIERS[sender.carrier](setting, sender)
    return SmsChannel(
        profile,
        Templates(setting.templates),
        carrier,
        ShortLinks(setting),
        window=carrier.window,
        rate=profile.sms_rate or carrier.rate,
    )


@dataclass(frozen=True)
class SmsChannel(UnaskedChannel):
    """What becomes of a call whose answer is lost is its carrier's matter."""

    profile: Profile
    templates: Templates
    carrier: TextCarrier
    short_links: ShortLinks
    name: str = "sms"
    kinds: frozenset[str] = frozenset({"send"})
    # a batch is what a crash leaves unknown
    batch_size: int = 200
    push_size: int = 200
    window: timedelta | None = None
    rate: float | None = None

    @property
    def provider(self) -> str:
        return self.carrier.provider

    @property
    def idempotency(self) -> Idempotency:
        return self.carrier.idempotency

    def validate(self, address: str | None) -> str:
        return checked_phone(address)

    def render(self, action: Action, message_id: str) -> Message:
        recipient = self.validate(action.address)
        if action.template is None:
            raise UnsendableError("no template is named")
        shop, key = self.templates.shop, self.profile.link_key
        links = text_tracking_of(shop, action, key)
        text = self.templates.render_sms(action.template, **given(shop, action, key), links=links)
        longest = self.carrier.longest_text
        if len(text) > longest:
            raise UnsendableError(
                f"template {action.template}: the text has {len(text):,} characters, and {longest:,} may be sent"
            )
        said = Text(action.action_id, message_id, recipient, text)
        content = self.carrier.encode(said)
        return Message(action.action_id, message_id, recipient, content, links.made, action.expires_at)

    async def push(self, batch: Sequence[Message]) -> list[Answer]:
        self.short_links.keep(batch)
        return await self.carrier.push(batch)

    async def close(self) -> None:
        self.short_links.close()
        await self.carrier.close()


def text_of(content: bytes) -> str:
    """What a message's recipient reads, whoever carries it."""
    if content.startswith(b"{"):
        return str(json.loads(content)["text"])
    return parse_qs(content.decode())["Body"][0]
