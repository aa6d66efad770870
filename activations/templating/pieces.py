"""Templates in pieces: the text that is the same in every message, and functions for what stands between.

Liquid asks its nodes for each message anew what they are. What most templates are made of (text, fields, filters,
conditions, links, blocks) is looked at once here instead; all else is left to Liquid, node by node, to the same end.
"""

from collections.abc import Callable, Iterable, Sequence
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
from markupsafe import escape

from activations.templating.tags import IsolatedNode, LinkNode

Piece = str | Callable[[RenderContext], str]
Value = Callable[[RenderContext], Any]


def pieces_of(nodes: Iterable[Node], environment: Environment) -> list[Piece]:
    """The pieces of a template or of a part of it; no two texts stand beside each other."""
    pieces: list[Piece] = []
    for node in nodes:
        piece = _piece(node, environment)
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def joined(pieces: Sequence[Piece], context: RenderContext) -> str:
    """A message of pieces; raises LiquidError."""
    return "".join([piece if isinstance(piece, str) else piece(context) for piece in pieces])


def _piece(node: Node, environment: Environment) -> Piece:
    match node:
        case ContentNode():
            return str(node.text)
        case OutputNode():
            return _written(_value(node.expression, environment), escapes=bool(environment.autoescape))
        case IfNode() if not node.blank:
            return _chosen(node, environment)
        case LinkNode():
            return _linked(node, environment)
        case IsolatedNode():
            return _isolated(node, environment)
    return partial(_by_liquid, node)


def _by_liquid(node: Node, context: RenderContext) -> str:
    buffer = StringIO()
    node.render(context, buffer)
    return buffer.getvalue()


def _written(value: Value, *, escapes: bool) -> Piece:
    def written(context: RenderContext) -> str:
        found = value(context)
        if found.__class__ is str:
            return escape(found) if escapes else found
        return str(to_liquid_string(found, escapes))

    return written


def _chosen(node: IfNode, environment: Environment) -> Piece:
    def part(block: BlockNode | None) -> list[Piece]:
        return pieces_of(block.nodes, environment) if block else []

    parts = [(_condition(node.condition, environment), part(node.consequence))]
    parts += [(_condition(each.expression, environment), part(each.block)) for each in node.alternatives]
    otherwise = part(node.default)

    def chosen(context: RenderContext) -> str:
        return joined(next((pieces for holds, pieces in parts if holds(context)), otherwise), context)

    return chosen


def _linked(node: LinkNode, environment: Environment) -> Piece:
    pieces = pieces_of(node.block.nodes, environment)

    def linked(context: RenderContext) -> str:
        return node.address(context, lambda: joined(pieces, context))

    return linked


def _isolated(node: IsolatedNode, environment: Environment) -> Piece:
    pieces = pieces_of(node.block.nodes, environment)
    arguments = [(argument.name, _value(argument.value, environment)) for argument in node.arguments]

    def isolated(context: RenderContext) -> str:
        return joined(pieces, node.inner(context, [(name, value(context)) for name, value in arguments]))

    return isolated


def _condition(expression: Any, environment: Environment) -> Value:
    """Whether a condition holds: quickly for a text, and for what is or is not one; else Liquid says it."""
    asked = expression.expression if isinstance(expression, BooleanExpression) else None
    if isinstance(asked, Path):
        field = _value(asked, environment)
        return lambda context: field(context).__class__ is str or expression.evaluate(context)
    if isinstance(asked, EqExpression) and isinstance(asked.right, Literal):
        left, right = _value(asked.left, environment), asked.right.value
        if right.__class__ in (str, int):

            def is_equal(context: RenderContext) -> bool:
                found = left(context)
                return found == right if found.__class__ is right.__class__ else expression.evaluate(context)

            return is_equal
    return expression.evaluate


def _value(expression: Any, environment: Environment) -> Value:
    if isinstance(expression, FilteredExpression):
        value = _value(expression.left, environment)
        for each in expression.filters or ():
            value = _filtered(value, each, environment)
        return value
    if isinstance(expression, Path) and all(isinstance(name, str) for name in expression.path):
        return _field(expression)
    return expression.evaluate


def _field(path: Path) -> Value:
    """A field that the message brings; what it does not bring, and what the template has made itself, Liquid finds."""
    names = tuple(path.path)

    def field(context: RenderContext) -> Any:
        found = context.globals
        if names[0] in context.locals:
            return path.evaluate(context)
        for name in names:
            if found.__class__ is not dict or name not in found:
                return path.evaluate(context)
            found = found[name]
        return found

    return field


def _filtered(value: Value, asked: Filter, environment: Environment) -> Value:
    function = environment.filters.get(asked.name)
    if function is None or not all(isinstance(argument, PositionalArgument) for argument in asked.args):
        return lambda context: asked.evaluate(value(context), context)
    sees_context = getattr(function, "with_context", False)
    if getattr(function, "with_environment", False):
        function = partial(function, environment=environment)
    arguments = [_value(argument.value, environment) for argument in asked.args]

    def filtered(context: RenderContext) -> Any:
        given = [value(context), *[argument(context) for argument in arguments]]
        try:
            return function(*given, context=context) if sees_context else function(*given)
        except TypeError as error:
            raise LiquidTypeError(f"{asked.name}: {error}", token=asked.token) from error
        except (LiquidTypeError, FilterArgumentError) as error:
            error.token = asked.token
            raise

    return filtered
