"""The channels that delivery knows, by the name that the outbox gives them."""

from collections.abc import Callable, Mapping

from activations.channels import audience, contact_profile, crm, crm_task, email, push, sms, web_push, webhook, whatsapp
from activations.channels.face import Channel, Setting

CHANNELS: Mapping[str, Callable[[Setting], Channel]] = {
    "audience": audience.open_channel,
    "crm": crm.open_channel,
    "crm_task": crm_task.open_channel,
    "email": email.open_channel,
    "profile": contact_profile.open_channel,
    "push": push.open_channel,
    "sms": sms.open_channel,
    "web_push": web_push.open_channel,
    "webhook": webhook.open_channel,
    "whatsapp": whatsapp.open_channel,
}
