"""One message of a hold as its recipient would get it, so that a person can see what is to be released."""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from activations.channels.face import Setting, UnsendableError
from activations.channels.registry import CHANNELS
from activations.holds.hold import Hold
from activations.outbox import Action, read_actions
from activations.profile import Profile, SmtpServer

_LONGEST = 600


@dataclass(frozen=True)
class Sample:
    """The first action of a hold with a template, and what it says; or why it cannot be shown."""

    template: str
    subject: str
    text: str


def samples(hold: Hold, now: datetime) -> list[Sample]:
    """A message for each template of a hold; nothing is sent, and no server is asked."""
    found: dict[str, Sample] = {}
    for file in hold.files:
        for batch in read_actions(file, 1_000):
            for action in batch:
                if action.template is not None and action.template not in found:
                    found[action.template] = _sample(action, hold.templates, now)
            if len(found) == len(hold.about.templates):
                break
    return [found[template] for template in sorted(found)]


def _sample(action: Action, templates: Path, now: datetime) -> Sample:
    assert action.template is not None
    if action.channel not in CHANNELS:
        return Sample(action.template, "", f"there is no channel {action.channel!r}")
    # links are signed with the key of rehearsals
    profile = Profile("sandbox", SmtpServer("127.0.0.1", 0), http_sandbox="http://127.0.0.1:0")
    channel = CHANNELS[action.channel](Setting(profile, lambda: now, Path(), templates))
    try:
        content = channel.render(action, channel.message_id(action.action_id)).content
    except UnsendableError as error:
        return Sample(action.template, "", f"cannot be rendered: {error}")
    if action.channel != "email":
        return Sample(action.template, "", content.decode(errors="replace")[:_LONGEST])
    message = message_from_bytes(content, EmailMessage, policy=policy.default)
    body = message.get_body(("plain",))
    text = "" if body is None else str(body.get_content())
    return Sample(action.template, str(message["Subject"]), text[:_LONGEST])
