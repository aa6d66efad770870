"""Who is in the global holdout was drawn once: another share counts for those who come later, whatever is run again."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from compiled_macros import compiled
from engine_world import SHOP_SPAN, Engine, contents, differences

from dagster_project.history import again
from dagster_project.history.again import decide_again
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.tick import run_tick
from dagster_project.ticks.windows import HOUR, Window, split
from dagster_project.warehouse import open_warehouse, spare_threads

TICKS = list(split(SHOP_SPAN, 14 * HOUR))
DRAWN, GATE = "global_assignments", "candidate_channels"
OUT = "select count(distinct contact_id) from decisions.decisions where gate = 'global holdout'"


@pytest.fixture(scope="module")
def half(shop: Engine, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Statement]:
    """A tick of a project that holds half of all contacts out."""
    home = Home(tmp_path_factory.mktemp("half") / "home")
    shutil.copytree(shop.home.root, home.root)
    sql = compiled(home, {DRAWN: None, GATE: None}, variables={"global_holdout": 0.5})
    return [
        one.saying([one.sql[0], f"{one.sql[1].partition(' by name (')[0]} by name ({sql[one.model]})"])
        if one.model in sql
        else one
        for one in shop.statements
    ]


@pytest.fixture(scope="module")
def changed(shop: Engine, half: Sequence[Statement], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The shop after ticks in the middle of which the share became another."""
    engine = shop.copy(tmp_path_factory.mktemp("changed") / "home")
    replay(engine.home, TICKS[:2], statements=engine.statements, with_outbox=False)
    replay(engine.home, TICKS[2:], statements=half, with_outbox=False)
    return engine


def drawn(home: Home) -> dict[int, tuple[float, str]]:
    with open_warehouse(home) as connection:
        rows = connection.execute("select contact_id, holdout_share, assignment from contacts.global_assignments")
        return {contact: (share, assignment) for contact, share, assignment in rows.fetchall()}


def test_another_share_counts_for_those_who_come_later(changed: Engine) -> None:
    with open_warehouse(changed.home) as connection:
        by_share = connection.execute(
            """
            select holdout_share, count(*), avg((assignment = 'holdout')::int), max(tick_end) <= ?, min(tick_end) > ?
            from contacts.global_assignments group by all order by all
            """,
            [TICKS[1].end, TICKS[1].end],
        ).fetchall()
        known = connection.execute("select count(distinct contact_id) from contacts.identity_map").fetchall()
        # nobody gets a promotion who was drawn, and nobody is kept from it who was not
        wrong = connection.execute(
            """
            select count(*) from decisions.decisions as decided
            inner join contacts.global_assignments as drawn using (contact_id)
            where
                decided.kind = 'send' and decided.topic_kind = 'promotional'
                and (decided.gate is not distinct from 'global holdout') <> (drawn.assignment = 'holdout')
            """
        ).fetchall()
        stopped = connection.execute(OUT).fetchall()
    (first, many, few_out, *when), (second, some, half_out, *when_half) = by_share
    assert (first, second) == (0.02, 0.5)
    assert [(many + some,)] == known
    assert (when, when_half) == ([True, False], [False, True])
    assert few_out < 0.06
    assert 0.3 < half_out < 0.7
    assert wrong == [(0,)]
    assert stopped > [(0,)]


def test_a_tick_run_again_and_a_replay_move_nobody(
    changed: Engine, half: Sequence[Statement], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn(changed.home)
    monkeypatch.setattr(again, "compile_tick", lambda home: list(half))
    # decided again by the share of now, ticks in which the other held
    assert decide_again(changed.home, SHOP_SPAN.end - SHOP_SPAN.start).is_same
    engine = changed.copy(tmp_path / "home")
    everything = contents(engine.home)
    with open_warehouse(engine.home) as connection:
        spare_threads(connection, engine.home)
        replay_tick(connection, half, TICKS[-1])
    assert drawn(engine.home) == before
    assert differences(everything, contents(engine.home)) == []


def test_a_warehouse_from_before_there_was_a_log_holds_out_whom_it_held_out(shop: Engine, tmp_path: Path) -> None:
    """By dbt, where the table is gone; and by statements, where something else has made it, empty."""
    following = Window(SHOP_SPAN.end, SHOP_SPAN.end + HOUR)
    engine = shop.copy(tmp_path / "lived")
    replay(engine.home, TICKS, statements=engine.statements, with_outbox=False)
    before = {contact: assignment for contact, (_, assignment) in drawn(engine.home).items()}
    assert "holdout" in before.values()
    gone = engine.copy(tmp_path / "gone")
    with open_warehouse(gone.home) as connection:
        connection.execute("drop table contacts.global_assignments")
    assert run_tick(gone.home, following).broken == []
    after = {contact: assignment for contact, (_, assignment) in drawn(gone.home).items()}
    assert after.items() >= before.items()
    # made empty, as by a backfill: the first tick in which anybody is new draws all
    emptied = engine.copy(tmp_path / "emptied")
    with open_warehouse(emptied.home) as connection:
        spare_threads(connection, emptied.home)
        connection.execute("delete from contacts.global_assignments")
        replay_tick(connection, [one for one in emptied.statements if one.model == DRAWN], TICKS[-1])
    assert drawn(emptied.home).keys() == before.keys()
    assert {contact: assignment for contact, (_, assignment) in drawn(emptied.home).items()} == before
