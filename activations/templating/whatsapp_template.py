"""An approved template of WhatsApp with its parameters, as Meta's Cloud API takes them.

name: cart_reminder          # as it was approved
language: en_GB
header: [...]                # parameters in their order, or by name; likewise
body: {first_name: "{{ contact.first_name }}"}
buttons:                     # in their order: the end of a link, what a quick reply says to us, or a code to copy
  - url: "cart/{{ context.cart_id }}"
  - link: "{{ shop.url }}/cart/{{ context.cart_id }}"   # whole, where the approved link is https://<short_url>/l/{{1}}
"""

import re
from collections.abc import Mapping
from typing import Any

from activations.channels.face import UnsendableError

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")
_LONGEST = {"header": 60, "body": 1_024}
_LONGEST_BUTTON = 2_000
_FIELDS = frozenset({"name", "language", "header", "body", "buttons"})
_BUTTONS: Mapping[str, tuple[str, str, str]] = {
    "url": ("url", "text", "text"),
    "payload": ("quick_reply", "payload", "payload"),
    "code": ("copy_code", "coupon_code", "coupon_code"),
}
"""What a button's field makes of it: its sub-type, and its parameter's type and field."""
_MOST_BUTTONS = 10


def as_template(template: str, fields: Mapping[str, Any], short_base: str) -> dict[str, Any]:
    """The rendered fields as a message has them; raises UnsendableError naming what is wrong."""
    where = f"template {template}: whatsapp.yml"
    if unknown := fields.keys() - _FIELDS:
        raise UnsendableError(f"{where} has {', '.join(sorted(unknown))}, which no template has")
    name, language = fields.get("name"), fields.get("language")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UnsendableError(f"{where} must have `name`: small letters, digits and underscores")
    if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
        raise UnsendableError(f"{where} must have `language`, as in en_GB")
    components = [
        {"type": part, "parameters": _parameters(f"{where}, {part}", fields[part], _LONGEST[part])}
        for part in ("header", "body")
        if fields.get(part)
    ]
    buttons = fields.get("buttons", [])
    if not isinstance(buttons, list) or len(buttons) > _MOST_BUTTONS:
        raise UnsendableError(f"{where}: `buttons` must be a list of {_MOST_BUTTONS} at most")
    components += [_button(f"{where}, buttons", index, button, short_base) for index, button in enumerate(buttons)]
    said: dict[str, Any] = {"name": name, "language": {"code": language}}
    return {**said, "components": components} if components else said


def shown_template(said: Mapping[str, Any]) -> tuple[str, str]:
    """The name of a template, and its parameters a line each."""
    parameters = [
        f"{component['type']}: {parameter.get('parameter_name', '')} {parameter[parameter['type']]}".replace(
            ":  ", ": "
        )
        for component in said.get("components", ())
        for parameter in component["parameters"]
    ]
    return f"{said['name']} ({said['language']['code']})", "\n".join(parameters)


def _parameters(where: str, stated: Any, longest: int) -> list[dict[str, str]]:
    """Texts in their order, or by name."""
    named = stated if isinstance(stated, dict) else dict(enumerate(stated, 1)) if isinstance(stated, list) else {}
    if not named or not all(isinstance(value, str) for value in named.values()):
        raise UnsendableError(f"{where}: parameters must be a list of texts, or texts by name")
    if empty := [str(name) for name, value in named.items() if not value]:
        raise UnsendableError(f"{where}: parameter {empty[0]} is empty")
    if sum(map(len, named.values())) > longest:
        raise UnsendableError(f"{where}: parameters have more than {longest:,} characters")
    return [
        {"type": "text", **({"parameter_name": name} if isinstance(name, str) else {}), "text": value}
        for name, value in named.items()
    ]


def _button(where: str, index: int, stated: Any, short_base: str) -> dict[str, Any]:
    if isinstance(stated, dict) and isinstance(stated.get("link"), str):
        # Meta takes the end of a link that was approved: that of a short one, which says nothing by itself
        short = stated["link"]
        if not short.startswith(short_base):
            raise UnsendableError(
                f"{where}: `link` needs `texts` among what shop.yml tracks, and a contact that is known"
            )
        stated = {**stated, "url": short.removeprefix(short_base)}
        del stated["link"]
    if not isinstance(stated, dict) or len(stated) != 1 or not stated.keys() <= _BUTTONS.keys():
        raise UnsendableError(f"{where}: each must have one of {', '.join([*_BUTTONS, 'link'])}")
    [(key, value)] = stated.items()
    if not isinstance(value, str) or not value or len(value) > _LONGEST_BUTTON:
        raise UnsendableError(f"{where}: `{key}` must be a text of at most {_LONGEST_BUTTON:,} characters")
    sub_type, kind, field = _BUTTONS[key]
    return {
        "type": "button",
        "sub_type": sub_type,
        "index": str(index),
        "parameters": [{"type": kind, field: value}],
    }
