"""The files of a template, by what they are and the language that they are written in."""

import re
from dataclasses import dataclass
from pathlib import Path

from activations.channels.face import UnsendableError
from activations.templating.blocks import BLOCKS
from activations.templating.field_files import FIELDS
from activations.templating.locales import chain_of

LAYOUT = "layout"
SHARED = frozenset({LAYOUT, BLOCKS})
"""Folders that are no templates: what goes into many."""
_FILE = re.compile(
    r"(?P<part>subject|preheader|sms|body)(?:\.(?P<locale>[a-z]{2,3}(?:-[A-Z]{2})?))??(?:\.(?P<form>mjml|html|txt))?\.liquid"
)
MAIL = ("subject", "preheader", "body")


@dataclass(frozen=True)
class TemplateFile:
    """A file of a template; `locale` is empty where its name says none."""

    path: Path
    part: str
    locale: str
    form: str


def template_names(folder: Path) -> list[str]:
    """The templates of a folder."""
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._" and path.name not in SHARED
    )


def template_folder(folder: Path, template: str) -> Path:
    """A template's own folder; raises UnsendableError where there is none."""
    own = folder / template
    if not re.fullmatch(r"\w+", template) or template in SHARED or not own.is_dir():
        raise UnsendableError(f"there is no template {template!r}")
    return own


def template_files(own: Path) -> list[TemplateFile]:
    """The files of a template's folder that are read."""
    found = []
    for path in sorted(own.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match and (match["part"] == "body") == bool(match["form"]):
            found.append(TemplateFile(path, match["part"], match["locale"] or "", match["form"] or "txt"))
    return found


def unread_files(own: Path) -> list[Path]:
    """Files of a template's folder whose names say nothing."""
    read = {file.path for file in template_files(own)} | {own / name for name in FIELDS}
    return sorted(path for path in own.iterdir() if path not in read and path.name[0] not in "._")


def variant_of(files: list[TemplateFile], locale: str, parts: tuple[str, ...]) -> str:
    """The language of the files that a reader gets: their own, else none in particular."""
    written = {file.locale for file in files if file.part in parts}
    return next((known for known in chain_of(locale) if known in written), "")


def file_of(
    files: list[TemplateFile], part: str, variant: str, forms: tuple[str, ...] = ("txt",)
) -> TemplateFile | None:
    """A part of a variant. What a territory does not say in its own way its language does, and no other language."""
    for locale in chain_of(variant) or ("",):
        for form in forms:
            for file in files:
                if (file.part, file.locale, file.form) == (part, locale, form):
                    return file
    return None


def layout_file(folder: Path, part: str, form: str | None, locale: str) -> Path:
    """What goes around a part, in its language where there is one."""
    end = f".{form}.liquid" if form else ".liquid"
    for known in chain_of(locale):
        path = folder / LAYOUT / f"{part}.{known}{end}"
        if path.exists():
            return path
    return folder / LAYOUT / f"{part}{end}"
