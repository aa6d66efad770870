"""The channels that delivery knows, by the name that the outbox gives them."""

from collections.abc import Callable, Mapping

from activations.channels import (
    audience,
    chat,
    contact_profile,
    crm,
    crm_task,
    email,
    file_drop,
    in_app,
    push,
    sms,
    web,
    web_push,
    webhook,
    whatsapp,
)
from activations.channels.face import Channel, Setting

CHANNELS: Mapping[str, Callable[[Setting], Channel]] = {
    "audience": audience.open_channel,
    "crm": crm.open_channel,
    "crm_task": crm_task.open_channel,
    "direct_mail": file_drop.open_letters,
    "email": email.open_channel,
    "file_drop": file_drop.open_rows,
    "in_app": in_app.open_channel,
    "profile": contact_profile.open_channel,
    "push": push.open_channel,
    "slack": chat.open_slack,
    "sms": sms.open_channel,
    "teams": chat.open_teams,
    "web": web.open_channel,
    "web_push": web_push.open_channel,
    "webhook": webhook.open_channel,
    "whatsapp": whatsapp.open_channel,
}
