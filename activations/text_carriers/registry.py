"""The carriers that the channel for text messages knows, by the name that sms.yml gives them."""

from collections.abc import Callable, Mapping

from activations.channels.face import Setting
from activations.settings.text_sender import TWILIO, VONAGE, TextSender
from activations.text_carriers import twilio, vonage
from activations.text_carriers.face import TextCarrier

TEXT_CARRIERS: Mapping[str, Callable[[Setting, TextSender], TextCarrier]] = {
    TWILIO: twilio.open_carrier,
    VONAGE: vonage.open_carrier,
}
"""Each is opened for who texts come from, and raises HourbellError where it cannot be used."""
