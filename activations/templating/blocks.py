"""Blocks that templates share: written in where `{% render 'name', product: product %}` asks for one."""

import re
from pathlib import Path

from liquid import Environment

from activations.channels.face import UnsendableError
from activations.templating.locales import chain_of
from activations.templating.tags import ISOLATED

BLOCKS = "blocks"
_RENDER = re.compile(r"\{%-?\s*render\s+(['\"])(?P<name>[\w-]+)\1\s*,?\s*(?P<given>.*?)\s*-?%\}", re.DOTALL)
_GIVEN = re.compile(r"(\w+)\s*:")
_WITH = re.compile(r"(?:with|for|as)\s")
_DEEPEST = 10
# MJML may hold HTML, and not the other way
_FORMS = {"mjml": ("mjml", "html"), "html": ("html",), "txt": ("txt",)}


def with_blocks(source: str, folder: Path, form: str, locale: str, environment: Environment, deep: int = 0) -> str:
    """The source with its blocks written in, in its own form and language; raises UnsendableError, LiquidError.

    A block sees what it is given, and the shop.
    """
    if deep > _DEEPEST:
        raise UnsendableError("its blocks go round in a circle")

    def written(asked: re.Match[str]) -> str:
        name, given = asked["name"], asked["given"]
        if _WITH.match(given):
            raise UnsendableError(
                f"the block {name} is given fields by name, as in {{% render '{name}', field: value %}}"
            )
        path = _file(folder, name, form, locale)
        block = with_blocks(path.read_text(encoding="utf-8").strip(), folder, form, locale, environment, deep + 1)
        known = {"shop", *_GIVEN.findall(re.sub(r"(['\"]).*?\1", "", given))}
        if unknown := environment.from_string(block, name=path.name).analyze().globals.keys() - known:
            raise UnsendableError(
                f"the block {name} needs {', '.join(sorted(unknown))}, which it is not given here: "
                f"{{% render '{name}', {sorted(unknown)[0]}: … %}}"
            )
        return f"{{% {ISOLATED} {given} %}}{block}{{% end{ISOLATED} %}}"

    return _RENDER.sub(written, source)


def _file(folder: Path, name: str, form: str, locale: str) -> Path:
    """The block's file in the language of the template, else the one that says no language."""
    for part in (*chain_of(locale), ""):
        for kind in _FORMS[form]:
            path = folder / BLOCKS / f"{name}{f'.{part}' if part else ''}.{kind}.liquid"
            if path.exists():
                return path
    raise UnsendableError(f"there is no {BLOCKS}/{name}.{form}.liquid")
