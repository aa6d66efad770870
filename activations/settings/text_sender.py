"""Who text messages come from, as sms.yml beside the templates states it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activations.errors import HourbellError
from activations.settings.settings_file import read_settings

FILE = "sms.yml"
TWILIO, VONAGE = "twilio", "vonage"
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}")
# letters, digits and blanks, of which one at least is a letter
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_ACCOUNTS = {
    TWILIO: (re.compile(r"AC[0-9a-f]{32}"), "the account's SID: AC and 32 hexadecimal digits"),
    VONAGE: (re.compile(r"[0-9A-Za-z]{8}"), "the API key: 8 letters and digits, in quotes"),
}
_SENDERS = {TWILIO: (_SERVICE, _NUMBER, _NAME), VONAGE: (_NUMBER, _NAME)}
_EXAMPLE = "AC" + "0" * 32


@dataclass(frozen=True)
class TextSender:
    """An account, and a sender of it: a number, a name, or a service that chooses among them."""

    account: str
    sender: str
    carrier: str = TWILIO

    @property
    def is_example(self) -> bool:
        """Whether it still is the one that comes with the checkout."""
        return self.account == _EXAMPLE

    def as_form(self) -> Mapping[str, str]:
        """The sender as Twilio's form has it."""
        return {"MessagingServiceSid" if _SERVICE.fullmatch(self.sender) else "From": self.sender}


def read_text_sender(templates: Path) -> TextSender:
    """Read sms.yml in the templates' folder; raises HourbellError naming what is wrong in it."""
    path = templates / FILE
    stated = read_settings(path, "must hold `account` and `sender`.")
    if not {"account", "sender"} <= stated.keys() <= {"account", "sender", "carrier"}:
        raise HourbellError(
            f"{path} must hold `account` and `sender`, perhaps `carrier`, and nothing else, for text messages to be "
            "sent."
        )
    account, sender, carrier = stated["account"], stated["sender"], stated.get("carrier", TWILIO)
    if not isinstance(carrier, str) or carrier not in _ACCOUNTS:
        raise HourbellError(f"{path}: `carrier` must be {' or '.join(_ACCOUNTS)}.")
    form, told = _ACCOUNTS[carrier]
    if not isinstance(account, str) or not form.fullmatch(account):
        raise HourbellError(f"{path}: `account` must be {told}.")
    if not isinstance(sender, str) or not any(form.fullmatch(sender) for form in _SENDERS[carrier]):
        raise HourbellError(
            f'{path}: `sender` must be a number in quotes ("+447700900123"), a name of at most 11 letters, digits and '
            "blanks, or with Twilio the SID of a messaging service (MG…)."
        )
    return TextSender(account, sender, carrier)
