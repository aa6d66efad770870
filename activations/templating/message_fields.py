"""Messages made of fields and not of one text: a YAML file in which each text is a template of its own.

The file is read before anything is put in, so that no value can change its shape.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from activations.channels.face import UnsendableError
from activations.mime import one_line
from activations.templating.environment import Template
from activations.yaml_files import read_yaml

Tree = Mapping[str, Any]
"""Templates by name, and lists and mappings of them."""


def read_tree(path: Path, parse: Callable[[str], Template], *, is_typed: bool = False) -> Tree:
    """The fields of a file; raises OSError, LiquidError, or UnsendableError naming what is wrong.

    Where it `is_typed`, true, false and null are as good as a text, and a number stays one.
    """
    name = f"template {path.parent.name}: {path.name}"
    try:
        stated = read_yaml(path)
    except yaml.YAMLError as error:
        raise UnsendableError(f"{name} is not valid YAML: {error}") from error
    if not isinstance(stated, dict):
        raise UnsendableError(f"{name} holds no fields")

    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): read(each) for key, each in value.items()}
        if isinstance(value, list):
            return [read(each) for each in value]
        if is_typed and (value is None or isinstance(value, (bool, int, float))):
            # Liquid knows no exponents
            plain = f"{Decimal(str(value)):f}" if isinstance(value, float) else json.dumps(value)
            return parse(f"{{{{ {plain} }}}}")
        if isinstance(value, bool) or value is None:
            raise UnsendableError(f"{name} holds {value!r}, which is no text")
        return parse(str(value))

    return {str(key): read(value) for key, value in stated.items()}


def on_one_line(template: Template, fields: dict[Any, Any]) -> str:
    """What a template says, on one line; raises LiquidError."""
    return one_line("".join(template.written(fields)))


def rendered_tree(
    tree: Any, fields: dict[Any, Any], rendered: Callable[[Template, dict[Any, Any]], Any] = on_one_line
) -> Any:
    """The same with what templates come to in place of them; raises LiquidError."""
    if tree.__class__ is Template:
        return rendered(tree, fields)
    if tree.__class__ is list:
        return [rendered_tree(each, fields, rendered) for each in tree]
    return {name: rendered_tree(each, fields, rendered) for name, each in tree.items()}


def templates_of(tree: Any) -> Iterator[Template]:
    """All templates of a tree."""
    if isinstance(tree, Template):
        yield tree
        return
    for each in tree if isinstance(tree, list) else tree.values():
        yield from templates_of(each)


def flat(tree: Tree, name: str) -> dict[str, Template]:
    """The templates by name; those of a group have its name before theirs. Raises UnsendableError for a list."""
    found: dict[str, Template] = {}
    for key, value in tree.items():
        group = {f"{key}.{one}": each for one, each in value.items()} if isinstance(value, dict) else {key: value}
        for inner, each in group.items():
            if not isinstance(each, Template):
                raise UnsendableError(f"{name}: {inner} must be a text")
            found[inner] = each
    return found
