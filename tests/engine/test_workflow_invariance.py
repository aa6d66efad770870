"""The same history gives the same arrivals and exits at every step, whatever the size of the ticks."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from engine_world import SHOP_SPAN, WORKFLOWS, Engine, changed, run_ticks, steps
from workflow_history import DAYS, START

from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.registry import registered_workflows
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.windows import HOUR, Window, split
from dagster_project.warehouse import open_warehouse

DAY = timedelta(days=1)
LIFE = Window(START, START + timedelta(days=DAYS))


def ragged(span: Window, seed: int) -> Iterator[Window]:
    """Ticks of all sizes, as after outages, and where a workflow in a hurry did not wait for the hour."""
    draw, start = random.Random(seed), span.start
    while start < span.end:
        size = draw.choice([timedelta(minutes=17, seconds=3), 7 * HOUR, DAY, 3 * DAY])
        yield Window(start, min(start + size, span.end))
        start += size


def steps_after(engine: Engine, root: Path, statements: list[Statement], windows: Iterator[Window]) -> dict:
    with open_warehouse(engine.copy(root).home) as connection:
        run_ticks(connection, statements, windows)
        return steps(connection)


def test_the_simulated_shop_end_to_end_in_ticks_of_1_7_and_24_hours(shop: Engine, tmp_path: Path) -> None:
    found = {}
    for hours in (1, 7, 24):
        home = shop.copy(tmp_path / str(hours)).home
        # what is decided has its own tests, and need not be worked out each time
        statements = [one for one in shop.statements if hours == 7 or one.scope not in ("decisions", "marts")]
        replay(home, split(SHOP_SPAN, hours * HOUR), statements=statements, with_outbox=False)
        with open_warehouse(home) as connection:
            found[hours] = steps(connection)
    assert found[7] == found[1]
    assert found[24] == found[1]
    reached = {table for table, rows in found[1].items() if rows}
    assert {f"{workflow}__entered" for workflow in WORKFLOWS} <= reached
    assert {"abandoned_cart__exited", "abandoned_cart__reassurance", "reengagement__we_miss_you"} <= reached

    home = Home(tmp_path / "7")
    with open_warehouse(home) as connection:
        assert connection.execute(
            "select count(*) > 0 from contacts.contact_merges where merged_at >= ?", [SHOP_SPAN.start]
        ).fetchall() == [(True,)]
        assert connection.execute(
            "select count(*) > 0 from contacts.events where effective_at > occurred_at + interval '1 hour'"
        ).fetchall() == [(True,)]


def test_every_step_of_all_workflows_over_five_weeks(dense_life: Engine, tmp_path: Path) -> None:
    statements = dense_life.of_workflows(*registered_workflows())
    expected = steps_after(dense_life, tmp_path / "whole", statements, iter([LIFE]))
    # nothing is delivered here, so that nobody is in an audience
    reached = {table: rows for table, rows in expected.items() if "audience_" not in table}
    assert [table for table, rows in reached.items() if not rows] == []
    assert steps_after(dense_life, tmp_path / "ragged", statements, ragged(LIFE, seed=3)) == expected


@pytest.mark.parametrize(
    ("workflow", "rule", "broken"),
    [
        # exits by presence instead of by time
        ("abandoned_cart", "and exits.exited_at <= leaving.arrives_at", ""),
        # a cart is taken up again after its hour
        ("abandoned_cart", "and later.effective_at <= last_activity.effective_at + interval '1 hour'", ""),
        # what becomes known after the deadline counts
        ("reengagement", "and waiting.reached_at + interval '7 days' > events.effective_at", ""),
        # the longest path is that of the tick, not that of the enrollment
        ("abandoned_cart", "and entered.stays_until > orders.effective_at", ""),
        # a cart that is filled later keeps people out
        ("abandoned_browse", "and wanted.effective_at <= browsed.reached_at", ""),
        # who is known to have come only later has come
        ("event_follow_up", "and due.reached_at >= attended.effective_at", ""),
        # an answer that cannot be read gives way to the next one
        (
            "feedback",
            "struct_pack(carried := events.score)",
            "case when events.score is not null then struct_pack(carried := events.score) end",
        ),
    ],
)
def test_an_error_in_time_would_be_seen(
    dense_life: Engine, tmp_path: Path, workflow: str, rule: str, broken: str
) -> None:
    statements = changed(dense_life.of_workflows(workflow), rule, broken)
    whole = steps_after(dense_life, tmp_path / "whole", statements, iter([LIFE]))
    assert steps_after(dense_life, tmp_path / "daily", statements, split(LIFE, 3 * DAY)) != whole
