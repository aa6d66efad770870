"""Templates in pieces: the text that is the same in every message, and functions for what stands between.

Liquid asks its nodes for each message anew what they are. What most templates are made of (text, fields, filters,
conditions, links, blocks) is looked at once here instead; all else is left to Liquid, node by node, to the same end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from io import StringIO
from typing import Any

from liquid import Environment, RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import (
    BooleanExpression,
    Filter,
    FilteredExpression,
    Literal,
    Path,
    PositionalArgument,
)
from liquid.builtin.expressions.logical import EqExpression
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.exceptions import FilterArgumentError, LiquidTypeError
from liquid.stringify import to_liquid_string
from liquid.undefined import is_undefined
from markupsafe import Markup

from activations.templating.manner import MANNER
from activations.templating.tags import IsolatedNode, LinkNode, OpenedNode
from activations.texts import Same, Text, escaped, in_markup
from activations.texts import pieces_of as pieces_of_text

_NOTHING: Mapping[str, object] = {}
_ABSENT = object()
_TEXTS = (str, Text, Same)


class Seen:
    """What a template sees of a message. Liquid's own context is made where Liquid is asked, and not before."""

    __slots__ = ("_context", "_make", "globals", "has_context", "locals")

    def __init__(self, fields: dict[Any, Any], make: Callable[[dict[Any, Any]], RenderContext]) -> None:
        self.globals = fields
        self.locals = _NOTHING
        self.has_context = False
        self._make = make
        self._context: RenderContext | None = None

    @property
    def context(self) -> RenderContext:
        if self._context is None:
            self._context = self._make(self.globals)
            self.has_context = True
            # what the template makes itself
            self.locals = self._context.locals
        return self._context


Piece = Same | Callable[[Seen, list[str]], object]
"""A text, or what adds to a message what stands there."""
Value = Callable[[Seen], Any]


def pieces_of(nodes: Iterable[Node], environment: Environment) -> list[Piece]:
    """The pieces of a template or of a part of it; no two texts stand beside each other."""
    pieces: list[Piece] = []
    for node in nodes:
        piece = _piece(node, environment)
        if isinstance(piece, Same) and pieces and isinstance(pieces[-1], Same):
            pieces[-1] = Same(pieces[-1] + piece)
        else:
            pieces.append(piece)
    return pieces


def only_value(nodes: Sequence[Node], environment: Environment) -> Value | None:
    """What a template is that is nothing but one value; None for any other."""
    if len(nodes) == 1 and isinstance(nodes[0], OutputNode):
        return _value(nodes[0].expression, environment)
    return None


def add(pieces: Sequence[Piece], seen: Seen, written: list[str]) -> None:
    """Add what pieces come to for a message; raises LiquidError."""
    for piece in pieces:
        # not isinstance, which takes as long as a short piece
        if type(piece) is Same:
            written.append(piece)
        else:
            piece(seen, written)


def _piece(node: Node, environment: Environment) -> Piece:
    match node:
        case ContentNode():
            return Same(node.text)
        case OutputNode():
            return _written(_value(node.expression, environment), escapes=bool(environment.autoescape))
        case IfNode() if not node.blank:
            return _chosen(node, environment)
        case LinkNode():
            return _linked(node, environment)
        case OpenedNode():
            return _opened(node)
        case IsolatedNode():
            return _isolated(node, environment)
    return partial(_by_liquid, node)


def _by_liquid(node: Node, seen: Seen, written: list[str]) -> None:
    buffer = StringIO()
    node.render(seen.context, buffer)
    written.append(buffer.getvalue())


def _written(value: Value, *, escapes: bool) -> Piece:
    def write(seen: Seen, written: list[str]) -> None:
        found = value(seen)
        kind = type(found)
        if kind is str:
            written.append(escaped(found) if escapes else found)
        elif kind is Text or kind is Same:
            written += in_markup(found) if escapes else pieces_of_text(found)
        elif kind is Markup or kind is int:
            # there is nothing to escape in it
            written.append(str(found))
        else:
            written.append(str(to_liquid_string(found, escapes)))

    return write


def _chosen(node: IfNode, environment: Environment) -> Piece:
    def part(block: BlockNode | None) -> list[Piece]:
        return pieces_of(block.nodes, environment) if block else []

    parts = [(_condition(node.condition, environment), part(node.consequence))]
    parts += [(_condition(each.expression, environment), part(each.block)) for each in node.alternatives]
    otherwise = part(node.default)

    def choose(seen: Seen, written: list[str]) -> None:
        for holds, pieces in parts:
            if holds(seen):
                return add(pieces, seen, written)
        return add(otherwise, seen, written)

    return choose


def _linked(node: LinkNode, environment: Environment) -> Piece:
    pieces = pieces_of(node.block.nodes, environment)

    def link(seen: Seen, written: list[str]) -> None:
        inside: list[str] = []
        if node.constant is None:
            add(pieces, seen, inside)
        written += node.address(seen.globals[MANNER].links, "".join(inside))

    return link


def _opened(node: OpenedNode) -> Piece:
    return lambda seen, written: written.extend(node.picture(seen.globals[MANNER].links))


def _isolated(node: IsolatedNode, environment: Environment) -> Piece:
    pieces = pieces_of(node.block.nodes, environment)
    arguments = [(argument.name, _value(argument.value, environment)) for argument in node.arguments]

    def isolate(seen: Seen, written: list[str]) -> None:
        fields = node.fields(seen.globals, [(name, value(seen)) for name, value in arguments])
        add(pieces, Seen(fields, lambda fields: node.inner(seen.context, fields)), written)

    return isolate


def _condition(expression: Any, environment: Environment) -> Value:
    """Whether a condition holds: quickly for a text, and for what is or is not one; else Liquid says it."""
    asked = expression.expression if isinstance(expression, BooleanExpression) else None
    if isinstance(asked, Path):
        field = _value(asked, environment)

        def is_there(seen: Seen) -> bool:
            found = field(seen)
            kind = type(found)
            # what is undefined is to be asked for nothing, not even its class
            return kind is not environment.undefined and (kind in _TEXTS or expression.evaluate(seen.context))

        return is_there
    if isinstance(asked, EqExpression) and isinstance(asked.right, Literal):
        left, right = _value(asked.left, environment), asked.right.value
        if right.__class__ in (str, int):

            def is_equal(seen: Seen) -> bool:
                found = left(seen)
                kind = type(found)
                # one is not the same as true
                if kind is int or kind in _TEXTS:
                    return bool(found == right)
                return kind is not environment.undefined and expression.evaluate(seen.context)

            return is_equal
    return _by_expression(expression)


def _value(expression: Any, environment: Environment) -> Value:
    if isinstance(expression, FilteredExpression):
        value = _value(expression.left, environment)
        for each in expression.filters or ():
            value = _filtered(value, each, environment)
        return value
    if isinstance(expression, Path) and all(isinstance(name, str) for name in expression.path):
        return _field(expression, environment)
    if isinstance(expression, Literal):
        # it sees nothing of a message
        known = expression.evaluate(_context(environment, {}))
        known = Same(known) if known.__class__ is str else known
        return lambda seen: known
    return _by_expression(expression)


def _by_expression(expression: Any) -> Value:
    return lambda seen: expression.evaluate(seen.context)


def _field(path: Path, environment: Environment) -> Value:
    """A field that the message brings, or what Liquid has for one that it does not bring; what the template has made
    itself, and all that is more than a name in a name, Liquid finds."""
    root = path.path[0]
    names = _with_absent(path, environment)

    def field(seen: Seen) -> Any:
        if root in seen.locals:
            return path.evaluate(seen.context)
        found: Any = seen.globals
        for name, missing in names:
            if found.__class__ is not dict:
                return path.evaluate(seen.context)
            if name not in found:
                return path.evaluate(seen.context) if missing is None or seen.has_context else missing
            found = found[name]
        return found

    if len(names) != 2:
        return field
    [_, (inner, absent)] = names

    def field_of_two(seen: Seen) -> Any:
        """The same for a name in a name, as most are, in less time."""
        if root not in seen.locals:
            outer: Any = seen.globals.get(root)
            if outer.__class__ is dict:
                found = outer.get(inner, _ABSENT)
                if found is not _ABSENT:
                    return found
                if absent is not None and not seen.has_context:
                    return absent
        return field(seen)

    return field_of_two


def _with_absent(path: Path, environment: Environment) -> list[tuple[Any, Any]]:
    """The names of a field, each with what Liquid has where a message does not bring it; None where that is something,
    such as the size of what is there."""
    names = []
    there: dict[Any, Any] = {}
    fields = there
    for name in path.path:
        missing = path.evaluate(_context(environment, fields))
        names.append((name, missing if is_undefined(missing) else None))
        there[name] = there = {}
    return names


def _context(environment: Environment, fields: dict[str, Any]) -> RenderContext:
    template = environment.from_string("")
    return template.context_class(template, globals=fields)


def _filtered(value: Value, asked: Filter, environment: Environment) -> Value:
    function = environment.filters.get(asked.name)
    if function is None or not all(isinstance(argument, PositionalArgument) for argument in asked.args):
        return lambda seen: asked.evaluate(value(seen), seen.context)
    sees_manner, sees_context = (getattr(function, what, False) for what in ("sees_manner", "with_context"))
    # where all is known there is nothing to be strict about
    trusting = getattr(function, "trusting", function)
    if getattr(function, "with_environment", False):
        function, trusting = (partial(each, environment=environment) for each in (function, trusting))
    arguments = [_value(argument.value, environment) for argument in asked.args]
    constants: Sequence[Any] | None = None
    if all(isinstance(argument.value, Literal) for argument in asked.args):
        nobody = Seen({}, lambda fields: _context(environment, fields))
        constants = [argument(nobody) for argument in arguments]
    # of which most messages have no need
    is_default = asked.name == "default"

    def filtered(seen: Seen) -> Any:
        found = value(seen)
        if is_default and type(found) is str and found:
            return found
        others = [argument(seen) for argument in arguments] if constants is None else constants
        given = [found, *others]
        filter_ = function if environment.undefined in map(type, given) else trusting
        try:
            if sees_context:
                return filter_(*given, context=seen if sees_manner else seen.context)
            return filter_(*given)
        except TypeError as error:
            raise LiquidTypeError(f"{asked.name}: {error}", token=asked.token) from error
        except (LiquidTypeError, FilterArgumentError) as error:
            error.token = asked.token
            raise

    return filtered
