"""E-mail by SendGrid's mail/send: one request a message, because each says something else."""

import orjson

from activations.carriers.api import MEGABYTE, Api, ApiCarrier, json_headers, open_api
from activations.carriers.face import Mail
from activations.channels.face import Setting
from activations.transport.http import HttpAnswer

PROVIDER = "sendgrid"


def open_carrier(setting: Setting, sender: str) -> ApiCarrier:
    """The carrier by the account whose key is HOURBELL_TOKEN_SENDGRID; `sender` has to be verified there."""
    headers = json_headers(authorization=f"Bearer {setting.profile.token(PROVIDER)}")
    api = Api(
        PROVIDER,
        "SendGrid",
        "api.sendgrid.com",
        "/v3/mail/send",
        mend="mend HOURBELL_TOKEN_SENDGRID or the sender",
        encode=encode,
        headers=lambda url, body: headers,
        largest=30 * MEGABYTE,
        known_as=_known_as,
    )
    return open_api(setting, api)


def encode(mail: Mail) -> bytes:
    return orjson.dumps(
        {
            "personalizations": [
                {"to": [{"email": mail.recipient}], "custom_args": {"action_id": str(mail.action_id)}}
            ],
            "from": {"email": mail.sender, "name": mail.sender_name},
            "subject": mail.subject,
            # plain text has to come first
            "content": [
                {"type": "text/plain", "value": mail.text},
                {"type": "text/html", "value": mail.html},
            ],
            "headers": {"Message-ID": mail.message_id, **mail.headers},
            # it would put links and headers to unsubscribe of its own in the place of ours
            "tracking_settings": {"subscription_tracking": {"enable": False}},
        }
    )


def _known_as(said: HttpAnswer) -> str | None:
    return said.headers.get("X-Message-Id")
