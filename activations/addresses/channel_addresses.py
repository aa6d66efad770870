"""Which address a channel writes to, where it is one that people also give us themselves."""

from collections.abc import Mapping

ADDRESS_OF: Mapping[str, str] = {"email": "email", "sms": "phone", "whatsapp": "phone"}
"""By channel, as channels.csv has it."""
