"""What providers say of an action, without addresses, which neither the journal nor the receipts keep."""

import re

_MAILBOX = re.compile(r"[^\s<>@\"',;:=]+@[^\s<>@\"',;:]+")
_SHORTEST_ADDRESS = 6


def plain(reason: str | None, address: str | None) -> str | None:
    """A reason without the address that the action went to, and without any mailbox."""
    return _MAILBOX.sub("…", without(address, reason) or "") if reason else reason


def without(address: str | None, text: str | None) -> str | None:
    """A text without an address, however it is written."""
    if not text or not address or len(address) < _SHORTEST_ADDRESS or address.casefold() not in text.casefold():
        return text
    return re.sub(re.escape(address), "…", text, flags=re.IGNORECASE)
