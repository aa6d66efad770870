"""Telephone numbers, as whoever reaches them wants them."""

from functools import lru_cache

import phonenumbers

from activations.channels.face import UnsendableError


def checked_phone(address: str | None) -> str:
    """A number in E.164 form; raises UnsendableError."""
    if not address:
        raise UnsendableError("no telephone number")
    return _checked(address)


@lru_cache(maxsize=10_000)
def _checked(address: str) -> str:
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException as error:
        raise UnsendableError(f"not a telephone number with its country: {error}") from error
    # ranges in use change more often than the library is updated
    if not phonenumbers.is_possible_number(number):
        raise UnsendableError("not a telephone number: no such number can be")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
