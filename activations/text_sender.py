"""Who text messages come from, as sms.yml beside the templates states it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activations.errors import HourbellError
from activations.settings_file import read_settings

FILE = "sms.yml"
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}")
# letters, digits and blanks, of which one at least is a letter
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_EXAMPLE = "AC" + "0" * 32


@dataclass(frozen=True)
class TextSender:
    """An account, and a sender of it: a number, a name, or a service that chooses among them."""

    account: str
    sender: str

    @property
    def is_example(self) -> bool:
        """Whether it still is the one that comes with the checkout."""
        return self.account == _EXAMPLE

    def as_form(self) -> Mapping[str, str]:
        """The sender as the provider's form has it."""
        return {"MessagingServiceSid" if _SERVICE.fullmatch(self.sender) else "From": self.sender}


def read_text_sender(templates: Path) -> TextSender:
    """Read sms.yml in the templates' folder; raises HourbellError naming what is wrong in it."""
    path = templates / FILE
    stated = read_settings(path, "must hold `account` and `sender`.")
    if stated.keys() != {"account", "sender"}:
        raise HourbellError(f"{path} must hold `account` and `sender`, and nothing else, for text messages to be sent.")
    account, sender = stated["account"], stated["sender"]
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise HourbellError(f"{path}: `account` must be the account's SID: AC and 32 hexadecimal digits.")
    if not isinstance(sender, str) or not any(form.fullmatch(sender) for form in (_SERVICE, _NUMBER, _NAME)):
        raise HourbellError(
            f'{path}: `sender` must be a number in quotes ("+447700900123"), a name of at most 11 letters, digits and '
            "blanks, or the SID of a messaging service (MG…)."
        )
    return TextSender(account, sender)
