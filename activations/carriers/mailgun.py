"""E-mail by Mailgun's messages: one request a message, because each says something else."""

import base64
import re
from functools import lru_cache

from activations import mime
from activations.carriers.api import MEGABYTE, Api, ApiCarrier, open_api, read_json
from activations.carriers.face import Mail
from activations.carriers.mail_settings import FILE, read_mail_settings
from activations.channels.face import Setting
from activations.errors import HourbellError
from activations.settings.shop import EXAMPLES
from activations.texts import by_piece
from activations.transport.form_encoding import quoted
from activations.transport.http import HttpAnswer

PROVIDER = "mailgun"
_HOSTS = {"us": "api.mailgun.net", "eu": "api.eu.mailgun.net"}
_SETTINGS = {
    "domain": (r"[a-z0-9-]+(\.[a-z0-9-]+)+", "a domain in lower case, as in mg.shop.example"),
    "region": ("|".join(_HOSTS), " or ".join(_HOSTS)),
}
_ANSWER_BYTES = 2_000
_REFUSES_US = frozenset({402, 420})
"""No money left, and more than the account may send."""
_SENDER_REFUSED = re.compile(r'"from parameter|domain [^"]* is not allowed to send', re.IGNORECASE)


def open_carrier(setting: Setting, sender: str) -> ApiCarrier:
    """The carrier by the domain of mail.yml and the key HOURBELL_TOKEN_MAILGUN."""
    stated = read_mail_settings(setting.templates, PROVIDER, _SETTINGS)
    domain = stated["domain"]
    if setting.profile.is_live and domain.endswith(EXAMPLES):
        raise HourbellError(
            f"{setting.templates / FILE} still names the example domain {domain}. Put your own there before mail goes "
            "out by Mailgun."
        )
    headers = {
        "authorization": f"Basic {base64.b64encode(f'api:{setting.profile.token(PROVIDER)}'.encode()).decode()}",
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "Hourbell",
    }
    api = Api(
        PROVIDER,
        "Mailgun",
        _HOSTS[stated["region"]],
        f"/v3/{domain}/messages",
        mend="mend HOURBELL_TOKEN_MAILGUN, the sender or mail.yml",
        encode=encode,
        headers=lambda url, body: headers,
        largest=25 * MEGABYTE,
        answer_bytes=_ANSWER_BYTES,
        known_as=_known_as,
        refuses_us=_refuses_us,
    )
    return open_api(setting, api)


def encode(mail: Mail) -> bytes:
    form = {
        "from": mime.plain_mailbox(mail.sender_name, mail.sender),
        "to": mail.recipient,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "h:Message-Id": mail.message_id,
        **{f"h:{name}": value for name, value in mail.headers.items()},
        "v:action_id": str(mail.action_id),
    }
    pieces: list[str] = []
    for name, value in form.items():
        pieces += (_beginning(name), *_quoted(value))
    return "".join(pieces).removeprefix("&").encode()


_quoted = by_piece(quoted, lambda seal: seal)


@lru_cache(maxsize=100)
def _beginning(name: str) -> str:
    return f"&{quoted(name)}="


def _known_as(said: HttpAnswer) -> str | None:
    stated = read_json(said.text)
    known_as = stated.get("id") if isinstance(stated, dict) else None
    return known_as if isinstance(known_as, str) else None


def _refuses_us(said: HttpAnswer) -> bool:
    return said.status in _REFUSES_US or _SENDER_REFUSED.search(said.text) is not None
