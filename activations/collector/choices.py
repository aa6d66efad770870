"""What people can choose to get: topics, each on the channels by which it can come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# whom nobody can write to, or who needs no choice
_CHANNELS = {
    "email": "E-mail",
    "sms": "Text message",
    "whatsapp": "WhatsApp",
    "push": "Push message",
    "web_push": "Push message in the browser",
    "in_app": "Message in the app",
    "web": "Our pages, made for you",
    "direct_mail": "Letter",
    "audience": "Ads on other sites",
}


@dataclass(frozen=True)
class Choice:
    """A topic on a channel."""

    topic: str
    channel: str
    about: str
    """What the topic is about, for those who choose."""

    @property
    def name(self) -> str:
        """The name of its field in the form."""
        return f"{self.topic}/{self.channel}"

    @property
    def channel_label(self) -> str:
        return _CHANNELS.get(self.channel, self.channel)


def choices(topics: Iterable[Mapping[str, Any]], channels: Iterable[Mapping[str, Any]]) -> list[Choice]:
    """Each promotional topic by each channel that can reach a person, from the rows of the registries.

    What belongs to an order is sent regardless, and nothing to choose.
    """
    reaching = [row["channel"] for row in channels if row["channel"] in _CHANNELS]
    return [
        Choice(topic["topic"], channel, topic["description"] or topic["topic"])
        for topic in topics
        if topic["kind"] != "transactional"
        for channel in ([topic["channel"]] if topic["channel"] else reaching)
        # ads have a topic of their own, and carry none of the others
        if topic["channel"] or channel != "audience"
    ]
