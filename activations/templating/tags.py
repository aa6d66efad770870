"""Tags that reading a template puts into it: a link, and a block that sees only what it is given."""

from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from math import prod
from typing import Any, TextIO

from liquid import RenderContext
from liquid.ast import BlockNode, Node, Partial, PartialScope
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Identifier, KeywordArgument
from liquid.exceptions import FilterArgumentError, LiquidSyntaxError
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EOF, TOKEN_EXPRESSION, TOKEN_TAG, Token

from activations.templating.manner import MANNER
from activations.templating.tracking import Tracking, followable
from activations.texts import Same, in_markup, pieces_of

LINK, ISOLATED, OPENED = "linked", "isolated", "opened"
PICTURE, PLAIN = "picture", "plain"
_DOT, _DOT_END = Same('<img src="'), Same('" width="1" height="1" alt="" style="display:block">')


class LinkNode(Node):
    """The address of a page, or of a picture."""

    def __init__(self, token: Token, block: BlockNode, kind: str, position: int, *, is_escaped: bool) -> None:
        super().__init__(token)
        self.block, self.kind, self.position, self.is_escaped = block, kind, position, is_escaped
        self.blank = False
        self.constant: Same | None = None
        if all(isinstance(node, ContentNode) for node in block.nodes):
            try:
                self.constant = Same(self._target("".join(node.text for node in block.nodes)))
            except FilterArgumentError as error:
                raise LiquidSyntaxError(str(error.message), token=token) from error

    def __str__(self) -> str:
        return f"{{% {LINK} {self.kind}: {self.position} %}}{self.block}{{% end{LINK} %}}"

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        inside = context.get_buffer(buffer)
        self.block.render(context, inside)
        return buffer.write("".join(self.address(context.globals[MANNER].links, inside.getvalue())))

    def address(self, links: Tracking, written: str) -> Sequence[str]:
        """The address as the message has it, in its pieces; `written` is what stands in the tag."""
        target: str = self._target(written) if self.constant is None else self.constant
        if self.kind != PICTURE:
            target = links.plain(target) if self.kind == PLAIN else links.href(target, self.position)
        return in_markup(target) if self.is_escaped else pieces_of(target)

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:
        return [self.block]

    def _target(self, written: str) -> str:
        target = checked_address((unescape(written) if self.is_escaped else written).strip())
        if self.kind == PICTURE and target[:4].lower() != "http":
            raise FilterArgumentError(f"a picture is at {target[:200]!r}, which is no address", token=None)
        return target


def checked_address(target: str) -> str:
    """An address that a link may point to; raises FilterArgumentError."""
    address = followable(target)
    if address is None:
        raise FilterArgumentError(f"a link points to {target[:200]!r}, which is no address of a page", token=None)
    return address


class LinkTag(Tag):
    """`{% linked page: 3 %}https://…{% endlinked %}`."""

    name = LINK
    end = f"end{LINK}"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        (argument,) = KeywordArgument.parse(self.env, stream.into_inner(tag=token))
        block = get_parser(self.env).parse_block(stream, frozenset((self.end, TOKEN_EOF)))
        stream.expect(TOKEN_TAG, value=self.end)
        return LinkNode(token, block, argument.name, int(str(argument.value)), is_escaped=bool(self.env.autoescape))


class OpenedNode(Node):
    """The picture of one dot by which it is seen that a mail was opened; nothing where that is not followed up."""

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self.blank = False

    def __str__(self) -> str:
        return f"{{% {OPENED} %}}"

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write("".join(self.picture(context.globals[MANNER].links)))

    def picture(self, links: Tracking) -> Sequence[str]:
        """The picture in its pieces."""
        return (_DOT, *in_markup(links.pixel), _DOT_END) if links.pixel else ()


class OpenedTag(Tag):
    """`{% opened %}`, as which reading a mail's template puts the picture into it."""

    name = OPENED
    block = False

    def parse(self, stream: TokenStream) -> Node:
        return OpenedNode(stream.current)


class IsolatedNode(Node):
    """A block that was written in where it is used, and sees only what it is given there."""

    def __init__(self, token: Token, block: BlockNode, arguments: list[KeywordArgument]) -> None:
        super().__init__(token)
        self.block, self.arguments = block, arguments
        self.blank = False

    def __str__(self) -> str:
        given = ", ".join(str(argument) for argument in self.arguments)
        return f"{{% {ISOLATED} {given} %}}{self.block}{{% end{ISOLATED} %}}"

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        given = [(argument.name, argument.value.evaluate(context)) for argument in self.arguments]
        return int(self.block.render(self.inner(context, self.fields(context.globals, given)), buffer))

    def fields(self, around: Mapping[Any, Any], given: Iterable[tuple[str, Any]]) -> dict[Any, Any]:
        """What the block sees."""
        sees: dict[Any, Any] = {"shop": around["shop"]}
        for name, value in given:
            if value is not None and not (isinstance(value, str) and (not value or value.isspace())):
                sees[name] = value
        sees[MANNER] = around[MANNER]
        return sees

    def inner(self, context: RenderContext, fields: dict[Any, Any]) -> RenderContext:
        """The context of the block, in which what is around it is counted, and not seen."""
        iterations = prod((loop.length for loop in context.loops), start=context.loop_iteration_carry)
        return type(context)(context.template, globals=fields, parent_context=context, loop_iteration_carry=iterations)

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:
        return [self.block]

    def expressions(self) -> Iterable[Any]:
        return [argument.value for argument in self.arguments]

    def partial_scope(self) -> Partial:
        names = [Identifier(argument.name, token=argument.token) for argument in self.arguments]
        return Partial(name="", scope=PartialScope.ISOLATED, in_scope=names, key=id(self))


class IsolatedTag(Tag):
    """`{% isolated product: one %}…{% endisolated %}`, as which `{% render 'product', product: one %}` is read."""

    name = ISOLATED
    end = f"end{ISOLATED}"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        is_given = stream.current.kind == TOKEN_EXPRESSION
        arguments = KeywordArgument.parse(self.env, stream.into_inner(tag=token)) if is_given else []
        block = get_parser(self.env).parse_block(stream, frozenset((self.end, TOKEN_EOF)))
        stream.expect(TOKEN_TAG, value=self.end)
        return IsolatedNode(token, block, arguments)
