"""How one message is written, kept where no template can name it."""

from dataclasses import dataclass, field
from typing import Any

from activations.templating.tracking import AS_WRITTEN, Tracking

MANNER: Any = object()
"""The key under which a render keeps its manner; a template can only say names."""


# not frozen: that would take three times as long, for every message
@dataclass(slots=True, eq=False)
class Manner:
    """In which locale money and dates are, and what becomes of the links."""

    locale: str
    links: Tracking = field(default=AS_WRITTEN, repr=False)
