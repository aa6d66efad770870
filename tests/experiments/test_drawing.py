"""Who gets which variant, before and after decisions, and who is held out of a step."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import pytest
from compiled_macros import compiled, set_window, small_warehouse

from dagster_project.home import Home
from dagster_project.ticks.windows import Window

START = datetime(2026, 3, 2)
EXPERIMENTS = {
    "subject": {"workflow": "welcome_series", "step": "hello", "variants": {"short": 2, "long": 1, "none": 1}},
}
PEOPLE = 4_000


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = Home(tmp_path_factory.mktemp("drawing")).prepare()
    return compiled(
        home,
        {
            "ticks": "select contact_id, {{ experiment('subject') }} as variant from given",
            "midnights": (
                "select contact_id, {{ split({'short': 2, 'long': 1, 'none': 1}, salt='subject') }} as variant "
                "from given"
            ),
            "welcome_series__story": (
                "select arrivals.contact_id, {{ send(template='welcome_story', channels=['email'], topic='newsletter', "
                "holdout=0.25) }} from given as arrivals"
            ),
        },
        variables={"experiments": EXPERIMENTS},
    )


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with small_warehouse() as opened:
        opened.execute(
            f"create table given as select range as contact_id, timestamp '{START}' as reached_at from range({PEOPLE})"
        )
        opened.execute("create schema decisions")
        opened.execute(
            "create table decisions.experiment_decisions "
            "(experiment varchar, variant varchar, outcome varchar, tick_end timestamp)"
        )
        set_window(opened, Window(START, START + timedelta(hours=1)))
        yield opened


def drawn(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[int, str]:
    return dict(connection.execute(sql).fetchall())


def decide(connection: duckdb.DuckDBPyConnection, variant: str, outcome: str, at: datetime = START) -> None:
    connection.execute(
        "insert into decisions.experiment_decisions values ('subject', ?, ?, ?), ('another', 'none', 'winner', ?)",
        [variant, outcome, at, START],
    )


def test_variants_are_drawn_as_a_split_is(connection: duckdb.DuckDBPyConnection, drawing: dict[str, str]) -> None:
    found = drawn(connection, drawing["ticks"])
    assert found == drawn(connection, drawing["midnights"])
    shares = {variant: list(found.values()).count(variant) / PEOPLE for variant in set(found.values())}
    assert shares == pytest.approx({"short": 0.5, "long": 0.25, "none": 0.25}, abs=0.03)


@pytest.mark.parametrize("outcome", ["winner", "no winner"])
def test_everybody_new_gets_what_was_decided_from_the_next_tick_on(
    connection: duckdb.DuckDBPyConnection, drawing: dict[str, str], outcome: str
) -> None:
    before = drawn(connection, drawing["ticks"])
    decide(connection, "long", outcome, START + timedelta(hours=1))
    # a decision of this very tick, when it is run again
    assert drawn(connection, drawing["ticks"]) == before
    set_window(connection, Window(START + timedelta(hours=1), START + timedelta(hours=2)))
    assert set(drawn(connection, drawing["ticks"]).values()) == {"long"}


def test_nobody_gets_a_variant_that_was_stopped_and_the_others_keep_theirs(
    connection: duckdb.DuckDBPyConnection, drawing: dict[str, str]
) -> None:
    before = drawn(connection, drawing["ticks"])
    decide(connection, "short", "stopped")
    after = drawn(connection, drawing["ticks"])
    assert all(after[person] == ("long" if variant == "short" else variant) for person, variant in before.items())


def test_who_is_held_out_of_a_step_is_logged_and_gets_no_message(
    connection: duckdb.DuckDBPyConnection, drawing: dict[str, str]
) -> None:
    rows = connection.execute(
        "select step_assignment, action is null, count(*), any_value(holdout_share) "
        f"from ({drawing['welcome_series__story']}) group by all order by all"
    ).fetchall()
    assert [(assignment, silent, share) for assignment, silent, _, share in rows] == [
        ("holdout", True, 0.25),
        ("treated", False, 0.25),
    ]
    assert rows[0][2] / PEOPLE == pytest.approx(0.25, abs=0.03)
