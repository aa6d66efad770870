"""Turn a template and what is known of a contact into a message.

Templates are Liquid in MJML, which runs no code, and what is put into them is data: escaped in HTML, never read as a
template. A field that is missing, null, blank or empty rejects the message, unless the template says what to write
instead (`{{ contact.first_name | default: 'there' }}`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from liquid.exceptions import LiquidError, UndefinedError
from markupsafe import escape

from activations.channels.face import UnsendableError
from activations.errors import HourbellError
from activations.mime import one_line
from activations.settings.shop import Shop, read_shop
from activations.templating.blocks import with_blocks
from activations.templating.environment import Template, TemplateEnvironment, present
from activations.templating.field_files import FIELDS, WEBHOOK, WHATSAPP
from activations.templating.files import (
    MAIL,
    TemplateFile,
    file_of,
    layout_file,
    template_files,
    template_folder,
    template_names,
    variant_of,
)
from activations.templating.given import Asked, MessageFields
from activations.templating.locales import language_of, locale_of
from activations.templating.manner import MANNER, Manner
from activations.templating.markup import html_of
from activations.templating.message_fields import Tree, flat, on_one_line, read_tree, rendered_tree, templates_of
from activations.templating.plain import text_of, with_links
from activations.templating.tags import OPENED
from activations.templating.tracking import AS_WRITTEN, Tracking
from activations.texts import Text, by_piece

_SUBJECT_LIMIT = 300
_CONTENT, _LANGUAGE = "{{ content }}", "{{ language }}"
_SHOP_FIELD = re.compile(r"\{\{ *shop\.(\w+) *\}\}")
_MARKS_OF_LIQUID = ("{", "}")
_OF_THE_LAYOUT = frozenset({"subject", "preheader"})
_UNDEFINED = re.compile(r"^'?([\w.\[\]'\"-]+?)'? is undefined$")
_ENDS, _GAPS = re.compile(r"[ \t]+\n"), re.compile(r"\n{3,}")
_END = "</body>"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the recipient will read."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class _Parts:
    """A template that was read, in one language; the preheader is what mailboxes show beside the subject."""

    locale: str
    subject: Template
    preheader: Template | None
    html: Template
    text: Template
    is_text_derived: bool

    def all(self) -> list[Template]:
        return [part for part in (self.subject, self.preheader, self.html, self.text) if part is not None]


class Templates:
    """The templates of a folder: a folder each, with `subject.liquid` and `body.mjml.liquid` (or `body.html.liquid`).

    `body.txt.liquid` is the plain text; where there is none it is made of the other. `subject.de.liquid` and
    `body.de.mjml.liquid` are the same in German. What can be sent as a text message has `sms.liquid`, what is made of
    fields `push.yml`, `whatsapp.yml`, `in_app.yml`, `web.yml`, `row.yml` or `webhook.yml`, beside them or alone. The
    folder `layout` holds what is around every message, `blocks` what templates share. Raises HourbellError where the
    layout or shop.yml cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shop: Shop = read_shop(folder)
        self._html = TemplateEnvironment(autoescape=True)
        self._text = TemplateEnvironment(autoescape=False)
        self._read: dict[tuple[str, str], _Parts] = {}
        self._read_sms: dict[tuple[str, str], tuple[str, Template]] = {}
        self._read_trees: dict[tuple[str, str], tuple[Tree, Asked]] = {}
        self._texts: dict[str, Template] = {}
        self._layouts: dict[Path, str] = {}
        has_html_alone = (
            layout_file(folder, "body", "html", "").exists() and not layout_file(folder, "body", "mjml", "").exists()
        )
        for form in ("html" if has_html_alone else "mjml", "txt"):
            self._layout("body", form, "")

    @property
    def names(self) -> list[str]:
        return template_names(self.folder)

    @cached_property
    def _shop_fields(self) -> Mapping[str, str]:
        return self.shop.as_fields()

    def render(
        self,
        template: str,
        *,
        contact: Mapping[str, Any],
        context: Mapping[str, Any],
        message: Mapping[str, Any],
        links: Tracking = AS_WRITTEN,
    ) -> Rendered:
        """Render a message; raises UnsendableError naming the template and the field or the fault."""
        locale = locale_of(contact.get("locale"))
        parts = self._parts(template, locale)
        fields = self._fields(contact, context, message, self._manner(locale, parts.locale, links))
        try:
            subject = _line(parts.subject, fields)
            preheader = _line(parts.preheader, fields) if parts.preheader else ""
            html = Text(parts.html.written({**fields, "subject": subject, "preheader": preheader}))
            text = Text(parts.text.written({**fields, "subject": subject}))
        except LiquidError as error:
            raise _refusal(template, error) from error
        if not subject:
            raise UnsendableError(f"template {template} has an empty subject")
        if len(subject) > _SUBJECT_LIMIT:
            raise UnsendableError(f"template {template}: the subject has more than {_SUBJECT_LIMIT} characters")
        if parts.is_text_derived:
            # where something was left out
            return Rendered(subject, html, _GAPS.sub("\n\n", _ENDS.sub("\n", text)).lstrip())
        return Rendered(subject, html, text)

    def render_sms(
        self,
        template: str,
        *,
        contact: Mapping[str, Any],
        context: Mapping[str, Any],
        message: MessageFields,
        links: Tracking = AS_WRITTEN,
    ) -> str:
        """Render a text message; raises UnsendableError naming the template and the field or the fault."""
        locale = locale_of(contact.get("locale"))
        written, part = self._sms_part(template, locale)
        with _refusing(template):
            manner = self._manner(locale, written, links)
            text = part.render(self._fields(contact, context, _made(message, part.asks_of_message), manner)).strip()
        if not text:
            raise UnsendableError(f"template {template} has an empty sms.liquid")
        return text

    def render_fields(
        self,
        template: str,
        file: str,
        *,
        contact: Mapping[str, Any],
        context: Mapping[str, Any],
        message: MessageFields,
        links: Tracking = AS_WRITTEN,
    ) -> dict[str, Any]:
        """Render the fields of one of a template's files, each on one line, or those of webhook.yml as what they are;
        raises UnsendableError naming the field or the fault."""
        tree, asked = self._tree(template, file)
        known = self._plainly(contact, context, _made(message, asked), links)
        rendered: dict[str, Any]
        try:
            rendered = rendered_tree(tree, known, Template.value if file == WEBHOOK else on_one_line)
        except LiquidError as error:
            raise _refusal(template, error) from error
        return rendered

    def render_surface(
        self,
        template: str,
        file: str,
        *,
        contact: Mapping[str, Any],
        context: Mapping[str, Any],
        message: MessageFields,
    ) -> dict[str, str]:
        """Render the fields of a file such as in_app.yml, without those that come to nothing; raises UnsendableError
        naming the template and the field or the fault."""
        parts = self.surface_fields(template, file)
        known = self._plainly(contact, context, _made(message, self._tree(template, file)[1]))
        with _refusing(template):
            rendered = {name: each.render(known).strip() for name, each in parts.items()}
        return {name: text for name, text in rendered.items() if text}

    def surface_fields(self, template: str, file: str) -> Mapping[str, Template]:
        """The fields of a file by name; those of a group have its name before theirs, as in `content.headline`."""
        return flat(self._tree(template, file)[0], f"template {template}: {file}")

    def render_text(self, source: str, *, contact: Mapping[str, Any], context: Mapping[str, Any]) -> str:
        """Render a text that is no template of the folder; raises UnsendableError naming the field or the fault."""
        if source not in self._texts:
            try:
                self._texts[source] = self._text.from_string(source)
            except LiquidError as error:
                raise UnsendableError(f"the text is not valid Liquid: {error.message}") from error
        try:
            return self._texts[source].render(self._fields(contact, context, {}, Manner(self.shop.locale)))
        except UndefinedError as error:
            raise UnsendableError(f"the text needs {_field(error)}, which is not known") from error
        except LiquidError as error:
            raise UnsendableError(f"the text cannot be rendered: {error.message}") from error

    def needs(self, template: str, locale: str | None = None) -> dict[str, frozenset[str]]:
        """The fields that a template refers to, by what they belong to (`contact`, `context`, …).

        Those of one language, where that is given, else of all. Raises UnsendableError where there is no such template,
        or it cannot be read.
        """
        needed: dict[str, set[str]] = {}
        for written in self.locales(template) if locale is None else [locale]:
            for part in self._all_parts(template, written):
                for root, variables in part.analyze().globals.items():
                    if root in _OF_THE_LAYOUT:
                        continue
                    names = {str(variable.segments[1]) for variable in variables if len(variable.segments) > 1}
                    needed.setdefault(root, set()).update(names)
        return {root: frozenset(names) for root, names in needed.items()}

    def is_mail(self, template: str) -> bool:
        """Whether a template can be sent as mail."""
        return any(file.part in MAIL for file in template_files(template_folder(self.folder, template)))

    def locales(self, template: str) -> list[str]:
        """The languages that a template is written in; the first says none."""
        files = template_files(template_folder(self.folder, template))
        return ["", *sorted({file.locale for file in files if file.locale})]

    def _fields(
        self, contact: Mapping[str, Any], context: Mapping[str, Any], message: Mapping[str, Any], manner: Manner
    ) -> dict[Any, Any]:
        return {
            "contact": present(contact),
            "context": present(context),
            "message": present(message),
            "shop": self._shop_fields,
            MANNER: manner,
        }

    def _plainly(
        self,
        contact: Mapping[str, Any],
        context: Mapping[str, Any],
        message: Mapping[str, Any],
        links: Tracking = AS_WRITTEN,
    ) -> dict[Any, Any]:
        """The same, for what is written in one language."""
        return self._fields(contact, context, message, self._manner(locale_of(contact.get("locale")), "", links))

    def _manner(self, locale: str, written: str, links: Tracking = AS_WRITTEN) -> Manner:
        """Numbers and dates are in the language of the text, in the way of the reader's territory."""
        of_text = written or self.shop.locale
        is_readers = "-" in locale and language_of(locale) == language_of(of_text)
        return Manner(locale if is_readers else of_text, links)

    def _parts(self, template: str, locale: str) -> _Parts:
        found = self._read.get((template, locale))
        if found is None:
            files = template_files(template_folder(self.folder, template))
            variant = variant_of(files, locale, MAIL)
            found = self._read.get((template, variant)) or self._read_parts(template, files, variant)
            self._read[template, variant] = self._read[template, locale] = found
        return found

    def _sms_part(self, template: str, locale: str) -> tuple[str, Template]:
        found = self._read_sms.get((template, locale))
        if found is None:
            files = template_files(template_folder(self.folder, template))
            variant = variant_of(files, locale, ("sms",))
            with _reading(template):
                found = variant, self._parse(_needed(files, "sms", variant), "sms")
            self._read_sms[template, locale] = found
        return found

    def _all_parts(self, template: str, locale: str) -> list[Template]:
        """The parts for every channel that the template is written for; without any, those of a mail are missed."""
        own = template_folder(self.folder, template)
        files = template_files(own)
        has_sms, fields = any(file.part == "sms" for file in files), [name for name in FIELDS if (own / name).exists()]
        is_mail = any(file.part in MAIL for file in files) or not (has_sms or fields)
        found = self._parts(template, locale).all() if is_mail else []
        found += [self._sms_part(template, locale)[1]] if has_sms else []
        for name in fields:
            found += templates_of(self._tree(template, name)[0])
        return found

    def _tree(self, template: str, file: str) -> tuple[Tree, Asked]:
        """The fields of a file, and what they ask of the message."""
        found = self._read_trees.get((template, file))
        if found is None:
            with _reading(template):
                tree = read_tree(
                    template_folder(self.folder, template) / file,
                    lambda source: self._text.from_string(self._field_source(source, file), name=file),
                    is_typed=file == WEBHOOK,
                )
                found = self._read_trees[template, file] = tree, _asked_by(templates_of(tree))
        return found

    def _field_source(self, source: str, file: str) -> str:
        """A field's source. Notifications, the inbox and the website have fields of their own for where they lead."""
        whole = self._with_shop(source, escaped=False)
        return with_links(whole) if file == WHATSAPP else whole

    def _read_parts(self, template: str, files: list[TemplateFile], variant: str) -> _Parts:
        with _reading(template):
            subject = _needed(files, "subject", variant)
            preheader = file_of(files, "preheader", variant)
            html = _needed(files, "body", variant, ("mjml", "html"))
            # one of another territory may say something else
            text = next(
                (file for file in files if (file.form, file.locale) == ("txt", html.locale) and file.part == "body"),
                None,
            )
            return _Parts(
                locale=variant,
                subject=self._parse(subject),
                preheader=self._parse(preheader) if preheader else None,
                html=self._parse(html, "body"),
                text=self._parse(text, "body") if text else self._derived(html),
                is_text_derived=text is None,
            )

    def _parse(self, file: TemplateFile, layout: str | None = None) -> Template:
        is_text = file.form == "txt"
        environment = self._text if is_text else self._html
        source = self._source(file)
        form = None if layout == "sms" else file.form
        around = self._around(layout, form, file.locale) if layout else _CONTENT
        whole = self._with_shop(around.replace(_CONTENT, source), escaped=not is_text)
        if not is_text:
            before, end, after = html_of(whole, is_mjml=file.form == "mjml").rpartition(_END)
            whole = f"{before}{{% {OPENED} %}}{end}{after}"
        elif layout in ("body", "sms"):
            whole = with_links(whole)
        return environment.from_string(whole, name=file.path.name, path=file.path)

    def _derived(self, html: TemplateFile) -> Template:
        """The plain text of a template that has none of its own."""
        around = self._around("body", "txt", html.locale)
        content = text_of(self._with_shop(self._source(html), escaped=True))
        whole = with_links(self._with_shop(around, escaped=False)).replace(_CONTENT, content)
        return self._text.from_string(whole, name=html.path.name, path=html.path)

    def _source(self, file: TemplateFile) -> str:
        """A file with its blocks, which is Liquid by itself: what is left open in it cannot swallow the layout."""
        environment = self._text if file.form == "txt" else self._html
        source = file.path.read_text(encoding="utf-8").strip()
        source = with_blocks(source, self.folder, file.form, file.locale, environment)
        environment.from_string(source, name=file.path.name, path=file.path)
        return source

    def _with_shop(self, source: str, *, escaped: bool) -> str:
        """The source with what it says of the shop written in: that is the same in every message."""

        def written(match: re.Match[str]) -> str:
            value = self._shop_fields.get(match[1])
            if not value or not value.strip() or any(mark in value for mark in _MARKS_OF_LIQUID):
                return match[0]
            return str(escape(value)) if escaped else value

        return _SHOP_FIELD.sub(written, source)

    def _around(self, part: str, form: str | None, locale: str) -> str:
        """The layout in a language, with its blocks."""
        environment = self._text if form in (None, "txt") else self._html
        layout = self._layout(part, form, locale).replace(_LANGUAGE, locale or self.shop.locale)
        return with_blocks(layout, self.folder, form or "txt", locale, environment)

    def _layout(self, part: str, form: str | None, locale: str) -> str:
        path = layout_file(self.folder, part, form, locale)
        if path not in self._layouts:
            self._layouts[path] = self._read_layout(path, self._text if form in (None, "txt") else self._html)
        return self._layouts[path]

    def _read_layout(self, path: Path, environment: TemplateEnvironment) -> str:
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


def _needed(files: list[TemplateFile], part: str, variant: str, forms: tuple[str, ...] = ("txt",)) -> TemplateFile:
    found = file_of(files, part, variant, forms)
    if found is None:
        form = "" if forms == ("txt",) else f".{forms[0]}"
        raise FileNotFoundError(2, "missing", f"{part}{f'.{variant}' if variant else ''}{form}.liquid")
    return found


def _asked_by(parts: Iterable[Template]) -> Asked:
    named = [part.asks_of_message for part in parts]
    return None if None in named else frozenset(name for names in named for name in names or ())


def _made(message: MessageFields, asked: Asked) -> Mapping[str, Any]:
    """The fields of a message, as far as they are asked for."""
    return message(asked) if callable(message) else message


@contextmanager
def _reading(template: str) -> Iterator[None]:
    """What keeps a template from being read, as an UnsendableError."""
    try:
        yield
    except OSError as error:
        raise UnsendableError(f"template {template} lacks {Path(error.filename).name}") from error
    except LiquidError as error:
        raise UnsendableError(f"template {template} is not valid Liquid: {error.message}") from error
    except UnsendableError as error:
        raise UnsendableError(f"template {template} cannot be used: {error}") from error


@contextmanager
def _refusing(template: str) -> Iterator[None]:
    """What keeps a template from being rendered, as an UnsendableError."""
    try:
        yield
    except LiquidError as error:
        raise _refusal(template, error) from error


def _refusal(template: str, error: LiquidError) -> UnsendableError:
    if isinstance(error, UndefinedError):
        return UnsendableError(f"template {template} needs {_field(error)}, which is not known")
    return UnsendableError(f"template {template} cannot be rendered: {error.message}")


def _line(part: Template, fields: dict[Any, Any]) -> str:
    """What a part says, on one line; what it says to others, too, stays a piece that is the same."""
    written = [part.same] if part.same is not None else part.written(fields)
    if len(written) == 1:
        [line] = _lines(written[0])
        return line
    return one_line("".join(written))


_lines = by_piece(lambda piece: piece.__class__(one_line(piece)), one_line)


def _field(error: UndefinedError) -> str:
    found = _UNDEFINED.match(str(error.message))
    return found[1] if found else str(error.message)
