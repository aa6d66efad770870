"""The arms of a statement's unions: which of them need not be asked where they bring no row.

Planning an arm takes longer than reading nothing. A union keeps its columns and their types whatever is left out of
it, since its first arm always stays, and each that has something which those between have not.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import tokenize
from sqlglot.tokens import Token, TokenType

from dagster_project.ticks.emptiness import NEVER_EMPTY, Ways

Columns = tuple[tuple[str, str], ...]
"""Names and types, in order."""

_ENDS_A_UNION = (TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET)
_OTHER_SETS = (TokenType.EXCEPT, TokenType.INTERSECT)


@dataclass(frozen=True)
class Arm:
    """A part of a statement's text; the parts of a statement make the whole of it."""

    sql: str
    empty_when: Ways = NEVER_EMPTY
    """The ways in which it brings no row. Without any it always stays."""


@dataclass
class _Union:
    """A select in brackets, and what is put under it."""

    arms: list[tuple[int, int]] = field(default_factory=list)
    """Where each further arm begins, and where its query does."""
    is_by_name: bool = False
    is_understood: bool = True
    end: int | None = None


def arms_of(sql: str, columns_of: Callable[[str], Columns | None], ways_of: Callable[[str], Ways]) -> tuple[Arm, ...]:
    """A statement in its parts; empty where no arm of it can be left out.

    `columns_of` is asked for the columns of a query, and answers with None where it cannot stand by itself.
    """
    found = sorted(part for union in _unions(sql) for part in _dispensable(sql, union, columns_of, ways_of))
    arms, done = [], 0
    for start, end, ways in found:
        arms += [Arm(sql[done:start]), Arm(sql[start:end], ways)]
        done = end
    return (*arms, Arm(sql[done:])) if arms else ()


def _dispensable(
    sql: str, union: _Union, columns_of: Callable[[str], Columns | None], ways_of: Callable[[str], Ways]
) -> Iterator[tuple[int, int, Ways]]:
    """From where to where the arms stand that may be left out, and when."""
    ends = [start for start, _ in union.arms[1:]]
    seen: set[tuple[str | int, str]] = set()
    for (start, begins), end in zip(union.arms, [*ends, union.end or len(sql)], strict=True):
        query = sql[begins:end]
        columns = columns_of(query)
        if columns is None:
            continue
        brought = {(name if union.is_by_name else place, kind) for place, (name, kind) in enumerate(columns)}
        if not brought <= seen:
            seen |= brought
            continue
        ways = ways_of(query)
        if ways != NEVER_EMPTY:
            yield start, end, ways


def _unions(sql: str) -> Iterator[_Union]:
    """The unions in which every arm's rows are kept."""
    tokens = tokenize(sql, dialect="duckdb")
    open_brackets = [_Union()]
    for number, token in enumerate(tokens):
        union = open_brackets[-1]
        if token.token_type == TokenType.L_PAREN:
            open_brackets.append(_Union())
        elif token.token_type == TokenType.R_PAREN:
            open_brackets.pop()
            union.end = union.end or token.start
            if union.arms and union.is_understood:
                yield union
        elif token.token_type == TokenType.UNION:
            _begin_arm(union, tokens, number)
        elif token.token_type in _OTHER_SETS:
            union.is_understood = False
        elif token.token_type in _ENDS_A_UNION and union.arms and union.end is None:
            union.end = token.start


def _begin_arm(union: _Union, tokens: Sequence[Token], number: int) -> None:
    words = [token.text.lower() for token in tokens[number + 1 : number + 4]]
    is_by_name = words[1:3] == ["by", "name"]
    if words[0] != "all" or (union.arms and union.is_by_name != is_by_name):
        union.is_understood = False
        return
    union.is_by_name = is_by_name
    union.arms.append((tokens[number].start, tokens[number + (4 if is_by_name else 2)].start))
