"""E-mail addresses and telephone numbers in the one form in which they can be compared."""

from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from activations.addresses.email_addresses import checked_address


def normal_email(given: str | None) -> str | None:
    """The address in lower case, with Unicode composed and the domain as people write it; None where it is none.

    By the letter of the standard the part before the @ may tell upper from lower case; no provider of note does, and
    people write their own address either way, so identity needs one form. No name server is asked.
    """
    if given is None:
        return None
    try:
        return checked_address(given, _normal).lower()
    except EmailNotValidError:
        return None


@lru_cache(maxsize=10_000)
def _normal(address: str) -> str:
    return validate_email(address, check_deliverability=False).normalized


def normal_phone(given: str | None, region: str | None) -> str | None:
    """The number in E.164 form; None where no such number can be. `region` is the country of national numbers.

    Possible numbers are taken, not only those in ranges known to be in use: those ranges change more often than the
    library is updated, and the numbers reserved for tests and films are never in use.
    """
    if given is None:
        return None
    try:
        number = phonenumbers.parse(given, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    # the extension is not dialled by machines
    number.extension = None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
