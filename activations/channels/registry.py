"""The channels that delivery knows, by the name that the outbox gives them."""

from collections.abc import Callable, Mapping

from activations.channels import audience, contact_profile, crm, email, in_app, sms, web, webhook
from activations.channels.face import Channel, Setting

CHANNELS: Mapping[str, Callable[[Setting], Channel]] = {
    "audience": audience.open_channel,
    "crm": crm.open_channel,
    "email": email.open_channel,
    "in_app": in_app.open_channel,
    "profile": contact_profile.open_channel,
    "sms": sms.open_channel,
    "web": web.open_channel,
    "webhook": webhook.open_channel,
}
