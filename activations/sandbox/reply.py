"""What the sandbox answers, by itself or because a rehearsal wants it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

HOST = "127.0.0.1"
TOKEN = "sandbox"
"""What lets a rehearsal in, wherever a provider wants one."""
SECRET = "whsec_" + base64.b64encode(b"secrets of the sandbox").decode()
"""What signs the webhooks of a rehearsal."""


@dataclass(frozen=True)
class Reply:
    """What a rehearsal wants to be answered; a status of 0 breaks the connection."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    wait: float = 0.0
    """Seconds until it is said."""


@dataclass(frozen=True)
class ProviderAnswer:
    """What a provider that is played says to a request."""

    recipient: str
    """By which a rehearsal knows the request; several with a comma between them."""
    reply: Reply
    message_id: str | None = None
    """Under which it is kept; None where it was refused."""
    taken: Sequence[tuple[str, bytes]] = ()
    """The messages of a batch that were taken: the id under which each is kept, and what it says."""
