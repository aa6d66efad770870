"""Turn a template and what is known of a contact into a message.

Templates are Liquid, which runs no code, and what is put into them is data: escaped in HTML, never read as a template.
A field that is missing, null or blank rejects the message, unless the template says what to write instead
(`{{ contact.first_name | default: 'there' }}`).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache, wraps
from pathlib import Path
from typing import Any

from babel.numbers import format_currency
from liquid import BoundTemplate, Environment
from liquid.builtin.content import ContentNode
from liquid.exceptions import FilterArgumentError, LiquidError, UndefinedError
from liquid.undefined import FalsyStrictUndefined, is_undefined
from markupsafe import escape

from activations.channels.face import UnsendableError
from activations.errors import HourbellError
from activations.message_fields import Tree, read_tree, rendered_tree, templates_of
from activations.mime import one_line
from activations.shop import Shop, read_shop
from activations.template_fields import read_fields

LAYOUT = "layout"
SUBJECT, PREHEADER, HTML, TEXT = "subject.liquid", "preheader.liquid", "body.html.liquid", "body.txt.liquid"
SMS = "sms.liquid"
PUSH, WHATSAPP = "push.yml", "whatsapp.yml"
IN_APP, WEB, ROW = "in_app.yml", "web.yml", "row.yml"
"""Parts that are fields: each a text in Liquid."""
_SUBJECT_LIMIT = 300
_CONTENT = "{{ content }}"
_SHOP_FIELD = re.compile(r"\{\{ *shop\.(\w+) *\}\}")
_MARKS_OF_LIQUID = ("{", "}")
_OF_THE_LAYOUT = frozenset({"subject", "preheader"})
_UNDEFINED = re.compile(r"^'?([\w.\[\]'\"-]+?)'? is undefined$")

CONTACT_FIELDS = frozenset({"user_id", "email", "phone", "first_name", "last_name", "country", "locale", "timezone"})
MESSAGE_FIELDS = frozenset({"topic", "variant", "unsubscribe_url", "preferences_url"})


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the recipient will read."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class _Parts:
    """A template that was read; the preheader is what mailboxes show beside the subject."""

    subject: BoundTemplate
    preheader: BoundTemplate | None
    html: BoundTemplate
    text: BoundTemplate

    @cached_property
    def same_subject(self) -> str | None:
        """The subject, where it is the same in every message."""
        return _same(self.subject)

    @cached_property
    def same_preheader(self) -> str | None:
        return _same(self.preheader) if self.preheader else ""

    def all(self) -> list[BoundTemplate]:
        return [part for part in (self.subject, self.preheader, self.html, self.text) if part is not None]


class _Environment(Environment):
    """Liquid that refuses what is unknown, and what has no end."""

    loop_iteration_limit = 10_000

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(undefined=FalsyStrictUndefined, autoescape=autoescape)
        self.add_filter("money", money)
        for name, function in self.filters.items():
            if name != "default":
                self.filters[name] = _strict(function)


class Templates:
    """The templates of a folder: a folder each, with `subject.liquid`, `body.html.liquid` and `body.txt.liquid`.

    What can be sent otherwise has `sms.liquid`, `push.yml` or `whatsapp.yml`, beside them or alone. The folder `layout`
    holds what is around every message. Raises HourbellError where that or shop.yml cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop: Shop = read_shop(folder)
        self._html = _Environment(autoescape=True)
        self._text = _Environment(autoescape=False)
        self._read: dict[str, _Parts] = {}
        self._read_sms: dict[str, BoundTemplate] = {}
        self._read_fields: dict[tuple[str, str], Tree] = {}
        self._read_surfaces: dict[tuple[str, str], Mapping[str, BoundTemplate]] = {}
        self._texts: dict[str, BoundTemplate] = {}
        self._html_layout = self._read_layout(self._html, HTML)
        self._text_layout = self._read_layout(self._text, TEXT)

    @property
    def names(self) -> list[str]:
        return sorted(
            path.name
            for path in self.folder.iterdir()
            if path.is_dir() and path.name[0] not in "._" and path.name != LAYOUT
        )

    @cached_property
    def _shop_fields(self) -> Mapping[str, str]:
        return self.shop.as_fields()

    def render(
        self, template: str, *, contact: Mapping[str, Any], context: Mapping[str, Any], message: Mapping[str, Any]
    ) -> Rendered:
        """Render a message; raises UnsendableError naming the template and the field or the fault."""
        parts = self._parts(template)
        fields = {
            "contact": _present(contact),
            "context": _present(context),
            "message": _present(message),
            "shop": self._shop_fields,
        }
        with _refusing(template):
            subject = parts.same_subject
            if subject is None:
                subject = one_line(parts.subject.render(**fields))
            preheader = parts.same_preheader
            if preheader is None:
                preheader = one_line(parts.preheader.render(**fields)) if parts.preheader else ""
            html = parts.html.render(**fields, subject=subject, preheader=preheader)
            text = parts.text.render(**fields, subject=subject)
        if not subject:
            raise UnsendableError(f"template {template} has an empty subject")
        if len(subject) > _SUBJECT_LIMIT:
            raise UnsendableError(f"template {template}: the subject has more than {_SUBJECT_LIMIT} characters")
        return Rendered(subject, html, text)

    def render_sms(
        self, template: str, *, contact: Mapping[str, Any], context: Mapping[str, Any], message: Mapping[str, Any]
    ) -> str:
        """Render a text message; raises UnsendableError naming the template and the field or the fault."""
        part = self._sms_part(template)
        with _refusing(template):
            text = part.render(
                contact=_present(contact),
                context=_present(context),
                message=_present(message),
                shop=self._shop_fields,
            ).strip()
        if not text:
            raise UnsendableError(f"template {template} has an empty {SMS}")
        return text

    def render_fields(
        self,
        template: str,
        file: str,
        *,
        contact: Mapping[str, Any],
        context: Mapping[str, Any],
        message: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Render the fields of one of a template's files; raises UnsendableError naming the field or the fault."""
        tree = self._fields(template, file)
        with _refusing(template):
            rendered: dict[str, Any] = rendered_tree(tree, self._known(contact, context, message))
        return rendered

    def render_surface(
        self,
        template: str,
        part: str,
        *,
        contact: Mapping[str, Any],
        context: Mapping[str, Any],
        message: Mapping[str, Any],
    ) -> dict[str, str]:
        """Render the fields of a part such as in_app.yml, without those that come to nothing; raises UnsendableError
        naming the template and the field or the fault."""
        known = self._known(contact, context, message)
        with _refusing(template):
            rendered = {
                name: each.render(**known).strip() for name, each in self.surface_fields(template, part).items()
            }
        return {name: text for name, text in rendered.items() if text}

    def surface_fields(self, template: str, part: str) -> Mapping[str, BoundTemplate]:
        """The fields of a part by name; those of a group have its name before theirs, as in `content.headline`."""
        known = (template, part)
        if known not in self._read_surfaces:
            with _reading(template):
                self._read_surfaces[known] = {
                    name: self._text.from_string(self._with_shop(source, escaped=False), name=f"{part} {name}")
                    for name, source in read_fields(self._folder(template) / part).items()
                }
        return self._read_surfaces[known]

    def _known(
        self, contact: Mapping[str, Any], context: Mapping[str, Any], message: Mapping[str, Any]
    ) -> dict[str, Mapping[str, Any]]:
        return {
            "contact": _present(contact),
            "context": _present(context),
            "message": _present(message),
            "shop": self._shop_fields,
        }

    def render_text(self, source: str, *, contact: Mapping[str, Any], context: Mapping[str, Any]) -> str:
        """Render a text that is no template of the folder; raises UnsendableError naming the field or the fault."""
        if source not in self._texts:
            try:
                self._texts[source] = self._text.from_string(source)
            except LiquidError as error:
                raise UnsendableError(f"the text is not valid Liquid: {error.message}") from error
        fields = {"contact": _present(contact), "context": _present(context), "shop": self._shop_fields}
        try:
            return self._texts[source].render(**fields)
        except UndefinedError as error:
            raise UnsendableError(f"the text needs {_field(error)}, which is not known") from error
        except LiquidError as error:
            raise UnsendableError(f"the text cannot be rendered: {error.message}") from error

    def needs(self, template: str) -> dict[str, frozenset[str]]:
        """The fields that a template refers to, by what they belong to (`contact`, `context`, …).

        Raises UnsendableError where there is no such template, or it cannot be read.
        """
        needed: dict[str, set[str]] = {}
        for part in self._all_parts(template):
            for root, variables in part.analyze().globals.items():
                if root in _OF_THE_LAYOUT:
                    continue
                names = {str(variable.segments[1]) for variable in variables if len(variable.segments) > 1}
                needed.setdefault(root, set()).update(names)
        return {root: frozenset(names) for root, names in needed.items()}

    def _parts(self, template: str) -> _Parts:
        if template not in self._read:
            self._read[template] = self._read_parts(template)
        return self._read[template]

    def _sms_part(self, template: str) -> BoundTemplate:
        if template not in self._read_sms:
            with _reading(template):
                self._read_sms[template] = self._parse(self._text, self._folder(template) / SMS, self._sms_layout)
        return self._read_sms[template]

    def _fields(self, template: str, file: str) -> Tree:
        if (template, file) not in self._read_fields:
            with _reading(template):
                tree = read_tree(self._folder(template) / file, lambda source: self._written(self._text, source))
                self._read_fields[template, file] = tree
        return self._read_fields[template, file]

    @cached_property
    def _sms_layout(self) -> str:
        return self._read_layout(self._text, SMS)

    def _all_parts(self, template: str) -> list[BoundTemplate]:
        """The parts for every channel that the template is written for; without any, those of a mail are missed."""
        folder = self._folder(template)
        others = [self._sms_part(template)] if (folder / SMS).exists() else []
        for file in (PUSH, WHATSAPP):
            if (folder / file).exists():
                others += templates_of(self._fields(template, file))
        for part in (IN_APP, WEB, ROW):
            if (folder / part).exists():
                others += self.surface_fields(template, part).values()
        is_mail = not others or any((folder / part).exists() for part in (SUBJECT, HTML, TEXT))
        return [*(self._parts(template).all() if is_mail else []), *others]

    def _folder(self, template: str) -> Path:
        folder = self.folder / template
        if not re.fullmatch(r"\w+", template) or template == LAYOUT or not folder.is_dir():
            raise UnsendableError(f"there is no template {template!r}")
        return folder

    def _read_parts(self, template: str) -> _Parts:
        folder = self._folder(template)
        preheader = folder / PREHEADER
        with _reading(template):
            return _Parts(
                subject=self._parse(self._text, folder / SUBJECT),
                preheader=self._parse(self._text, preheader) if preheader.exists() else None,
                html=self._parse(self._html, folder / HTML, self._html_layout),
                text=self._parse(self._text, folder / TEXT, self._text_layout),
            )

    def _parse(self, environment: Environment, path: Path, layout: str = _CONTENT) -> BoundTemplate:
        source = path.read_text(encoding="utf-8").strip()
        # by itself first, so that what is left open in it cannot swallow the layout
        environment.from_string(source, name=path.name, path=path)
        return self._written(environment, layout.replace(_CONTENT, source), path)

    def _written(self, environment: Environment, source: str, path: Path = Path()) -> BoundTemplate:
        """A template with what it says of the shop written in."""
        whole = self._with_shop(source, escaped=bool(environment.autoescape))
        return environment.from_string(whole, name=path.name, path=path)

    def _with_shop(self, source: str, *, escaped: bool) -> str:
        """The source with what it says of the shop written in: that is the same in every message."""

        def written(match: re.Match[str]) -> str:
            value = self._shop_fields.get(match[1])
            if not value or not value.strip() or any(mark in value for mark in _MARKS_OF_LIQUID):
                return match[0]
            return str(escape(value)) if escaped else value

        return _SHOP_FIELD.sub(written, source)

    def _read_layout(self, environment: Environment, name: str) -> str:
        path = self.folder / LAYOUT / name
        try:
            layout = path.read_text(encoding="utf-8")
            environment.from_string(layout)
        except OSError as error:
            raise HourbellError(f"{path} cannot be read: {error.strerror}. It goes around each message.") from error
        except LiquidError as error:
            raise HourbellError(f"{path} is not valid Liquid: {error.message}. Mend it.") from error
        if layout.count(_CONTENT) != 1:
            raise HourbellError(f"{path} must hold {_CONTENT} once, where the message goes.")
        return layout


@contextmanager
def _reading(template: str) -> Iterator[None]:
    """What keeps a template from being read, as an UnsendableError."""
    try:
        yield
    except OSError as error:
        raise UnsendableError(f"template {template} lacks {Path(error.filename).name}") from error
    except LiquidError as error:
        raise UnsendableError(f"template {template} is not valid Liquid: {error.message}") from error


@contextmanager
def _refusing(template: str) -> Iterator[None]:
    """What keeps a template from being rendered, as an UnsendableError."""
    try:
        yield
    except UndefinedError as error:
        raise UnsendableError(f"template {template} needs {_field(error)}, which is not known") from error
    except LiquidError as error:
        raise UnsendableError(f"template {template} cannot be rendered: {error.message}") from error


def check_templates(templates: Templates, uses: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """What is wrong with the templates, each in one sentence; nothing where all can be sent.

    `uses` says which columns the steps that use a template carry, by template; a template that is not in it is only
    checked for fields that no message has.
    """
    problems = []
    carried = uses or {}
    for name in sorted({*templates.names, *carried}):
        try:
            needed = templates.needs(name)
        except UnsendableError as error:
            problems.append(f"{error}.")
            continue
        known: dict[str, Collection[str]] = {
            "contact": CONTACT_FIELDS,
            "message": MESSAGE_FIELDS,
            "shop": templates.shop.as_fields(),
            "context": carried.get(name, needed.get("context", ())),
        }
        for root, fields in sorted(needed.items()):
            if root not in known:
                problems.append(f"template {name} refers to {root}, which no message has.")
            problems += [
                f"template {name} needs {root}.{field}, which its steps do not carry."
                for field in sorted(fields - set(known.get(root, fields)))
            ]
    return problems


def money(amount: object, currency: object) -> str:
    """The Liquid filter `money`, as in `{{ context.order_total | money: context.currency }}`."""
    try:
        return _money(str(amount), str(currency))
    except InvalidOperation as error:
        raise FilterArgumentError(f"{amount!r} is no amount of money", token=None) from error


@lru_cache(maxsize=10_000)
def _money(amount: str, currency: str) -> str:
    return format_currency(Decimal(amount), currency, locale="en_GB")


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses what is unknown; some of Liquid's own make nothing of it in silence."""

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        for argument in (*arguments, *named.values()):
            if is_undefined(argument):
                raise UndefinedError(argument.msg, token=None)
        return function(*arguments, **named)

    return checked


def _same(part: BoundTemplate) -> str | None:
    """What a part says to everybody, on one line; None where it says different things."""
    return one_line(str(part)) if all(isinstance(node, ContentNode) for node in part.nodes) else None


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is there: null and blank count as missing."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def _field(error: UndefinedError) -> str:
    found = _UNDEFINED.match(str(error.message))
    return found[1] if found else str(error.message)
