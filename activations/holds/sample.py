"""One message of a hold as its recipient would get it, so that a person can see what is to be released."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from activations.channels import in_app, push, sms, web, web_push, whatsapp
from activations.channels.face import Setting, UnsendableError
from activations.channels.registry import CHANNELS
from activations.delivery.outbox import Action, read_actions
from activations.holds.hold import Hold
from activations.settings.profile import Profile, SmtpServer

_LONGEST = 600
_SHOWN: Mapping[str, Callable[[bytes], tuple[str, str]]] = {
    "in_app": in_app.read_as,
    "push": push.shown,
    "sms": lambda content: ("", sms.text_of(content)),
    "web": web.read_as,
    "web_push": web_push.shown,
    "whatsapp": whatsapp.shown,
}
"""The head and the text of a message, of channels whose bytes nobody would read."""


@dataclass(frozen=True)
class Sample:
    """The first action of a hold with a template, and what it says; or why it cannot be shown."""

    template: str
    subject: str
    text: str
    html: str = ""


def samples(hold: Hold, now: datetime) -> list[Sample]:
    """A message for each template of a hold; nothing is sent, and no server is asked."""
    found: dict[str, Sample] = {}
    for file in hold.files:
        for batch in read_actions(file, 1_000):
            for action in batch:
                if action.template is not None and action.template not in found:
                    sample = sample_of(action, hold.templates, now)
                    found[action.template] = replace(sample, text=sample.text[:_LONGEST])
            if len(found) == len(hold.about.templates):
                break
    return [found[template] for template in sorted(found)]


def sample_of(action: Action, templates: Path, now: datetime) -> Sample:
    """One action as its recipient would get it; nothing is sent."""
    template = action.template or action.kind
    if action.channel not in CHANNELS:
        return Sample(template, "", f"there is no channel {action.channel!r}")
    # links are signed with the key of rehearsals
    profile = Profile("sandbox", SmtpServer("127.0.0.1", 0), http_sandbox="http://127.0.0.1:0")
    channel = CHANNELS[action.channel](Setting(profile, lambda: now, Path(), templates))
    try:
        content = channel.render(action, channel.message_id(action.action_id)).content
    except UnsendableError as error:
        return Sample(template, "", f"cannot be rendered: {error}")
    if action.channel in _SHOWN:
        return Sample(template, *_SHOWN[action.channel](content))
    if action.channel != "email":
        return Sample(template, "", content.decode(errors="replace"))
    message = message_from_bytes(content, EmailMessage, policy=policy.default)
    text, html = (_part(message, kind) for kind in ("plain", "html"))
    return Sample(template, str(message["Subject"]), text, html)


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return "" if body is None else str(body.get_content())
