"""Liquid as templates have it: it refuses what is unknown, runs no code, reads no file and no clock."""

from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.exceptions import LiquidInterrupt, LiquidSyntaxError, UndefinedError
from liquid.filter import with_context
from liquid.undefined import FalsyStrictUndefined
from liquid.utils import ReadOnlyChainMap

from activations.templating.locales import date_in, money_in
from activations.templating.manner import MANNER
from activations.templating.pieces import Piece, Seen, Value, add, only_value, pieces_of
from activations.templating.tags import IsolatedTag, LinkTag, OpenedTag, checked_address
from activations.texts import Same


class _Context(RenderContext):
    """What a template sees: what it is given, without `now` and `today`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)


class Template(BoundTemplate):
    context_class = _Context

    @cached_property
    def _pieces(self) -> list[Piece]:
        return pieces_of(self.nodes, self.env)

    @cached_property
    def _only_value(self) -> Value | None:
        return only_value(self.nodes, self.env)

    @cached_property
    def asks_of_message(self) -> frozenset[str] | None:
        """The fields of `message` that it names; None where it may want any of them."""
        named = [variable.segments[1:2] for variable in self.analyze().globals.get("message", ())]
        if not all(segments and isinstance(segments[0], str) for segments in named):
            return None
        return frozenset(str(segments[0]) for segments in named)

    @cached_property
    def same(self) -> Same | None:
        """What it says to everybody; None where it says different things."""
        (first, *others) = self._pieces or [Same()]
        return first if isinstance(first, Same) and not others else None

    def render(self, *fields: Any, **named: Any) -> str:
        """A message; it sees nothing but the fields that it brings."""
        return "".join(self.written(dict(*fields, **named)))

    def value(self, fields: dict[Any, Any]) -> Any:
        """What it comes to: where it is nothing but one value, that itself and not a text."""
        only_value = self._only_value
        if only_value is None:
            return "".join(self.written(fields))
        found = only_value(Seen(fields, self._context))
        # what is unknown says so
        return str(found) if type(found) is FalsyStrictUndefined else found

    def written(self, fields: dict[Any, Any]) -> list[str]:
        """The same in its pieces."""
        pieces: list[str] = []
        try:
            add(self._pieces, Seen(fields, self._context), pieces)
        except LiquidInterrupt as error:
            raise LiquidSyntaxError(f"unexpected '{error}'", token=None) from error
        return pieces

    def _context(self, fields: dict[Any, Any]) -> RenderContext:
        return self.context_class(self, globals=fields)


class TemplateEnvironment(Environment):
    """Liquid that refuses what is unknown, and what has no end."""

    loop_iteration_limit = 10_000
    template_class = Template

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(undefined=FalsyStrictUndefined, autoescape=autoescape)
        # what is put in is data: there is no way around that
        del self.filters["safe"]
        self.add_filter("money", _money)
        self.add_filter("date", _date)
        self.add_filter("link", _link)
        for name, function in self.filters.items():
            if name != "default":
                self.filters[name] = _strict(function)
        self.add_tag(LinkTag)
        self.add_tag(OpenedTag)
        self.add_tag(IsolatedTag)


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is there, however deep: null, blank and empty count as missing."""
    found = {}
    for name, value in fields.items():
        if isinstance(value, str):
            if value and not value.isspace():
                found[name] = value
        elif value is not None and (there := _present_in(value)) is not None:
            found[name] = there
    return found


def _present_in(value: Any) -> Any:
    """None where nothing is left of it."""
    if isinstance(value, dict):
        return present(value) or None
    if isinstance(value, list):
        # a place in a list means something: it is not closed up
        return [_present_in(one) for one in value] or None
    return value


def _sees_manner(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that wants to know how the message is written, and nothing else of its context."""
    function.sees_manner = True  # type: ignore[attr-defined]
    return with_context(function)


@_sees_manner
def _money(amount: object, currency: object, *, context: Any) -> str:
    """As in `{{ context.order_total | money: context.currency }}`."""
    return money_in(amount, currency, context.globals[MANNER].locale)


@_sees_manner
def _date(moment: object, form: object, *, context: Any) -> str:
    """As in `{{ context.renews_on | date: 'long' }}`."""
    return date_in(moment, form, context.globals[MANNER].locale)


@_sees_manner
def _link(target: object, *, context: Any) -> str:
    """The address of a page as the plain text has it: `{{ product.url | link }}`."""
    return str(context.globals[MANNER].links.plain(checked_address(str(target))))


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses what is unknown; some of Liquid's own make nothing of it in silence."""

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        for argument in (*arguments, *named.values()):
            # not isinstance, which looks through all that a mapping may be
            if type(argument) is FalsyStrictUndefined:
                raise UndefinedError(argument.msg, token=None)
        return function(*arguments, **named)

    checked.trusting = function  # type: ignore[attr-defined]
    return checked
