"""How templates write a period."""

import re
from datetime import timedelta

from activations.channels.face import UnsendableError

_PERIOD = re.compile(r"(\d{1,4}) (hour|day)s?")


def period(stated: str) -> timedelta:
    """A period such as `12 hours` or `7 days`; raises UnsendableError."""
    found = _PERIOD.fullmatch(stated.strip())
    if found is None:
        raise UnsendableError(f"{stated!r} is no period such as 12 hours or 7 days")
    return timedelta(**{f"{found[2]}s": int(found[1])})
