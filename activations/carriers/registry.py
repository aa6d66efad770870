"""The carriers that the channel for e-mail knows, by the name that HOURBELL_MAIL_CARRIER gives them."""

from collections.abc import Callable, Mapping

from activations.carriers import mailgun, postmark, sendgrid, ses, smtp
from activations.carriers.face import Carrier
from activations.channels.face import Setting
from activations.settings.profile import SMTP

CARRIERS: Mapping[str, Callable[[Setting, str], Carrier]] = {
    SMTP: smtp.open_carrier,
    "mailgun": mailgun.open_carrier,
    "postmark": postmark.open_carrier,
    "sendgrid": sendgrid.open_carrier,
    "ses": ses.open_carrier,
}
"""Each is opened for the address that mail comes from, and raises HourbellError where it cannot be used."""
