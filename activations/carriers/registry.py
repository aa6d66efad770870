"""The carriers that the channel for e-mail knows, by the name that HOURBELL_MAIL_CARRIER gives them."""

from collections.abc import Callable, Mapping
from importlib import import_module

from activations.carriers import smtp
from activations.carriers.face import Carrier
from activations.channels.face import Setting
from activations.settings.profile import SMTP

OpenCarrier = Callable[[Setting, str], Carrier]


def _of(module: str) -> OpenCarrier:
    """Opens the carrier of a module, which is imported then: whoever sends over SMTP has no need of HTTP."""

    def open_carrier(setting: Setting, sender: str) -> Carrier:
        opened: OpenCarrier = import_module(f"activations.carriers.{module}").open_carrier
        return opened(setting, sender)

    return open_carrier


CARRIERS: Mapping[str, OpenCarrier] = {
    SMTP: smtp.open_carrier,
    "mailgun": _of("mailgun"),
    "postmark": _of("postmark"),
    "sendgrid": _of("sendgrid"),
    "ses": _of("ses"),
}
"""Each is opened for the address that mail comes from, and raises HourbellError where it cannot be used."""
