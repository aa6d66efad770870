"""E-mail by Amazon SES's SendBulkEmail: up to 50 messages a call, each with an answer of its own.

It wants a template: ours has nothing but three fields, and each message fills them with all that it says.
"""

import re
from collections.abc import Sequence
from email.header import Header
from typing import Any

import orjson

from activations import mime
from activations.carriers.api import Api, ApiCarrier, in_doubt, json_headers, open_api, read_json
from activations.carriers.face import Mail
from activations.carriers.mail_settings import read_mail_settings
from activations.channels.face import Answer, Message, Setting, Status, UnsendableError
from activations.channels.receivers import REASON_LENGTH, Meaning
from activations.keys.aws_signing import Credentials, signed_headers
from activations.settings.shop import read_shop
from activations.transport.http import HttpAnswer

PROVIDER = "ses"
SERVICE = "ses"
_REGION = (r"[a-z]{2}(-[a-z]+)+-\d", "a region of Amazon's, as in eu-west-1")
_CONFIGURATION = (r"[A-Za-z0-9_-]{1,64}", "the name of a configuration set")
# three braces: as it stands, whatever is in it
_TEMPLATE = {"Subject": "{{{subject}}}", "Text": "{{{text}}}", "Html": "{{{html}}}"}
_TAIL = b"]}"
_LONGEST_DATA = 262_144
"""Characters."""
_LARGEST_CALL = 1_000_000
"""Bytes that a call with a template in it may have."""
_REST = 1.0
"""Seconds for which SES is left alone when it says that it is too much; it does not say for how long."""
_TOO_MUCH = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})
_REFUSES_US = frozenset(
    {
        "AccessDeniedException", "AccountSuspendedException", "ExpiredTokenException", "IncompleteSignature",
        "IncompleteSignatureException", "InvalidClientTokenId", "InvalidSignatureException", "LimitExceededException",
        "MailFromDomainNotVerifiedException", "MissingAuthenticationTokenException", "NotAuthorized",
        "NotFoundException", "OptInRequired", "RequestExpired", "SendingPausedException", "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)  # fmt: skip
"""What SES finds wrong with the keys, the sender or the account, and not with the one message."""
_MEANINGS: dict[object, Status] = {
    "SUCCESS": "accepted",
    "MESSAGE_REJECTED": "rejected",
    "INVALID_PARAMETER": "rejected",
    "FAILED": "rejected",
    "TRANSIENT_FAILURE": "retry",
    "ACCOUNT_THROTTLED": "retry",
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": "postponed",
    "ACCOUNT_SENDING_PAUSED": "postponed",
    "ACCOUNT_SUSPENDED": "postponed",
    "CONFIGURATION_SET_NOT_FOUND": "postponed",
    "CONFIGURATION_SET_SENDING_PAUSED": "postponed",
    "INVALID_SENDING_POOL_NAME": "postponed",
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": "postponed",
    "TEMPLATE_NOT_FOUND": "postponed",
}
_MEND = "mend HOURBELL_TOKEN_SES_KEY and _SECRET, the sender, mail.yml or the account's limits"


def open_carrier(setting: Setting, sender: str) -> ApiCarrier:
    """The carrier by the account of HOURBELL_TOKEN_SES_KEY and _SECRET; `sender` has to be verified in its region."""
    stated = read_mail_settings(setting.templates, PROVIDER, {"region": _REGION}, {"configuration_set": _CONFIGURATION})
    profile, region = setting.profile, stated["region"]
    credentials = Credentials(
        profile.token("ses_key"), profile.token("ses_secret"), profile.tokens.get("SES_SESSION") or None
    )
    head = _head(mime.mailbox(read_shop(setting.templates).name, sender), stated.get("configuration_set"))
    plain = json_headers()
    room = _LARGEST_CALL - len(head) - len(_TAIL)
    api = Api(
        PROVIDER,
        "Amazon SES",
        f"email.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}",
        "/v2/email/outbound-bulk-emails",
        mend=_MEND,
        encode=encode,
        headers=lambda url, body: signed_headers(credentials, region, SERVICE, url, plain, body, setting.now()),
        largest=room,
        call_size=50,
        largest_call=room,
        together=lambda contents: head + b",".join(contents) + _TAIL,
        of_each=of_each,
        refuses_us=_refuses_us,
        means=_means,
    )
    return open_api(setting, api)


def encode(mail: Mail) -> bytes:
    """One entry of a call; the id of the message, its date and its Feedback-ID are Amazon's own."""
    data = orjson.dumps({"subject": mail.subject, "text": mail.text, "html": mail.html}).decode()
    if len(data) > _LONGEST_DATA:
        raise UnsendableError(f"the mail has {len(data):,} characters, and Amazon SES takes {_LONGEST_DATA:,}")
    template, workflow = mail.headers["Feedback-ID"].split(":")[:2]
    tags = {
        "action_id": str(mail.action_id),
        # the parts of Feedback-ID that are ours to say
        "ses:feedback-id-a": template,
        "ses:feedback-id-b": workflow,
    }
    return orjson.dumps(
        {
            "Destination": {"ToAddresses": [mail.recipient]},
            "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data}},
            "ReplacementTags": [
                {"Name": name, "Value": re.sub(r"[^A-Za-z0-9_-]", "-", value)[:256]} for name, value in tags.items()
            ],
            "ReplacementHeaders": [
                {"Name": name, "Value": _ascii(value)} for name, value in mail.headers.items() if name != "Feedback-ID"
            ],
        }
    )


def of_each(messages: Sequence[Message], said: str) -> list[Answer]:
    """What SES says of each message of a call: a list in the same order."""
    stated = read_json(said)
    results = stated.get("BulkEmailEntryResults") if isinstance(stated, dict) else None
    if not isinstance(results, list) or len(results) != len(messages):
        return in_doubt(messages)
    return [_answer(message, result) for message, result in zip(messages, results, strict=True)]


def _answer(message: Message, result: Any) -> Answer:
    status = result.get("Status") if isinstance(result, dict) else None
    meaning = _MEANINGS.get(status)
    if meaning is None:
        return in_doubt([message])[0]
    if meaning == "accepted":
        known_as = result.get("MessageId") or message.message_id
        return Answer(message.action_id, "accepted", provider_message_id=str(known_as))
    reason = " ".join(f"{status} {result.get('Error') or ''}".split())[:REASON_LENGTH]
    if meaning == "postponed" or _is_unverified(reason):
        return Answer(message.action_id, "postponed", f"{PROVIDER}: {reason}: {_MEND}")
    if status == "ACCOUNT_THROTTLED":
        return Answer(message.action_id, "retry", reason, retry_after=_REST, is_called=False)
    return Answer(message.action_id, meaning, reason)


def _means(said: HttpAnswer) -> Meaning | None:
    if _kind(said) not in _TOO_MUCH or "quota exceeded" in said.text.lower():
        return None
    # turned away unseen, as more than the account may send at once: no attempt that counts
    return Meaning("retry", _REST, is_called=False)


def _refuses_us(said: HttpAnswer) -> bool:
    kind = _kind(said)
    return kind in _REFUSES_US or kind in _TOO_MUCH or _is_unverified(said.text)


def _is_unverified(text: str) -> bool:
    """The sender, or in an account that may not write to everybody yet the recipient."""
    return "not verified" in text.lower()


def _kind(said: HttpAnswer) -> str:
    """The name of an exception, of which a header has more than the name."""
    stated = read_json(said.text)
    kind = said.headers.get("x-amzn-errortype") or (stated.get("__type") if isinstance(stated, dict) else None)
    return str(kind or "").partition(":")[0].rpartition("#")[2]


def _head(sender: str, configuration_set: str | None) -> bytes:
    """What comes before the entries of a call."""
    head: dict[str, object] = {
        "FromEmailAddress": sender,
        "DefaultContent": {"Template": {"TemplateContent": _TEMPLATE, "TemplateData": "{}"}},
    }
    if configuration_set is not None:
        head["ConfigurationSetName"] = configuration_set
    return orjson.dumps(head)[:-1] + b',"BulkEmailEntries":['


def _ascii(value: str) -> str:
    value = mime.one_line(value)
    return value if value.isascii() else Header(value, "utf-8").encode(maxlinelen=0)
