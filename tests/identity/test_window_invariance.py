"""Identity does not depend on the size of the ticks, and is what a plain union-find says."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from identity_history import land, random_history
from identity_reference import reference
from resolver import PERIOD, Resolver, resolution

from dagster_project.ticks.windows import split
from dagster_project.warehouse import open_warehouse


@pytest.mark.parametrize("seed", range(8))
def test_a_day_at_once_gives_what_the_reference_says(resolver: Resolver, seed: int) -> None:
    history = random_history(seed)
    expected = reference(history)
    assert expected.merges
    assert expected.rejected
    assert resolver.resolve(history, hours=24) == expected


@pytest.mark.parametrize(("hours", "seed"), [(1, 0), (7, 0), (7, 1), (7, 2), (48, 0), (48, 1)])
def test_ticks_of_any_size_give_the_same(resolver: Resolver, seed: int, hours: int) -> None:
    history = random_history(100 + seed)
    assert resolver.resolve(history, hours) == reference(history)


def test_a_crowd_in_one_tick_gives_what_the_reference_says(resolver: Resolver) -> None:
    history = random_history(7, rows=600)
    assert resolver.resolve(history, hours=48) == reference(history)


def test_a_tick_run_again_changes_nothing(resolver: Resolver) -> None:
    history = random_history(200)
    windows = list(split(PERIOD, timedelta(hours=7)))
    with open_warehouse(resolver.home) as connection:
        resolver.forget(connection)
        land(connection, history)
        resolver.run(connection, windows)
        before = resolution(connection)
        # also an older one, while what came after it is there
        for window in (windows[-1], windows[2], windows[2], windows[0]):
            resolver.run(connection, [window])
            assert resolution(connection) == before
    assert before == reference(history)


MUTANTS: dict[str, Callable[[str], str]] = {
    "not as of the row": lambda sql: sql.replace("anchored.effective_at >= periods.valid_from", "true").replace(
        "anchored.effective_at < periods.valid_until", "periods.valid_until = timestamp '9999-12-31'"
    ),
    "no limits": lambda sql: sql.replace("> weaker_limits.max_links", "> 999"),
    "role addresses link": lambda sql: sql.replace(
        "list_contains(guards.never_links", "false and list_contains(guards.never_links"
    ),
    "placeholders count": lambda sql: sql.replace(
        "when list_contains(guards.ignored", "when false and list_contains(guards.ignored"
    ),
    "members of an absorbed contact stay behind": lambda sql: sql.replace(
        "winners.contact_id not in (select identifier_id from born)", "members.is_founder"
    ),
    "links forget earlier ticks": lambda sql: sql.replace("coalesce(earlier_of_weaker.links, 0)", "0"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_reference_notices_a_mutant(resolver: Resolver, mutant: str) -> None:
    change = MUTANTS[mutant]
    assert any(change(sql) != sql for statement in resolver.statements for sql in statement.sql)
    histories = [random_history(seed) for seed in random.Random(mutant).sample(range(1000), 3)]
    assert any(resolver.resolve(history, 12, change) != reference(history) for history in histories)
