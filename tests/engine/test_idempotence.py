"""A tick that is run again changes no row and no file, however often and however late; nor does a rebuild."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from engine_world import SHOP_SPAN, Engine, contents, differences, tables_of_one_tick

from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.outbox import write_outbox
from dagster_project.ticks import tick as ticks
from dagster_project.ticks.emptiness import NEVER_EMPTY
from dagster_project.ticks.quick_tick import run_compiled
from dagster_project.ticks.statements import replay_tick
from dagster_project.ticks.tick import run_tick
from dagster_project.ticks.transform import manifest, run_dbt, run_models
from dagster_project.ticks.windows import CONTACTS, HOUR, Window, history_before, split
from dagster_project.warehouse import open_warehouse, spare_threads

TICKS = list(split(SHOP_SPAN, 14 * HOUR))


def again(engine: Engine, window: Window) -> None:
    with open_warehouse(engine.home) as connection:
        spare_threads(connection, engine.home)
        replay_tick(connection, engine.statements, window)
        write_outbox(connection, engine.home.outbox, window.end)


@pytest.fixture(scope="module")
def replayed(shop: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = shop.copy(tmp_path_factory.mktemp("replayed") / "home")
    replay(engine.home, TICKS, statements=engine.statements)
    return engine


@pytest.fixture(scope="module")
def ticked(shop_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same ticks by dbt itself, from no tables at all."""
    home = Home(tmp_path_factory.mktemp("ticked") / "home")
    shutil.copytree(shop_home.root, home.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ticks, "run_compiled", lambda *_: None)
        for window in TICKS:
            assert run_tick(home, window).broken == []
    return home


def test_replayed_ticks_are_ticks_of_dbt(replayed: Engine, ticked: Home) -> None:
    found = contents(replayed.home)
    assert sum(1 for name in found if name.endswith("email.parquet")) == len(TICKS)
    # a replay has no gate out, which remembers what it let through
    assert set(differences(found, contents(ticked))) <= {"engine.outbox_volumes", "engine.contactable_base"}


def test_ordinary_ticks_are_ticks_of_dbt(
    shop_home: Home, ticked: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled before, and run without it, from no tables at all."""
    home = Home(tmp_path / "home")
    shutil.copytree(shop_home.root, home.root)
    monkeypatch.setattr(ticks, "run_models", None)
    models = []
    for window in TICKS:
        tick = run_tick(home, window)
        assert tick.broken == []
        models.append({run.name for run in tick.models})
    assert len(models[0]) == sum(1 for node in manifest().nodes.values() if node.resource_type == "model")
    assert differences(contents(home), contents(ticked)) == []


def test_what_is_left_out_of_a_tick_would_have_brought_nothing(shop: Engine, tmp_path: Path) -> None:
    hours = list(split(Window(SHOP_SPAN.start, SHOP_SPAN.start + 20 * HOUR), HOUR))[-14:]
    quick, thorough = shop.copy(tmp_path / "quick"), shop.copy(tmp_path / "thorough")
    replay(quick.home, hours, statements=quick.statements, with_outbox=False)
    everything = [replace(statement, empty_when=NEVER_EMPTY, arms=()) for statement in thorough.statements]
    with open_warehouse(thorough.home) as connection:
        spare_threads(connection, thorough.home)
        history = history_before(connection, hours[0])
        assert history is not None
        replay_tick(connection, [one for one in everything if one.scope == CONTACTS], history)
        for window in hours:
            replay_tick(connection, everything, window)
    found = contents(quick.home)
    assert sum(bool(rows) for name, rows in found.items() if name.startswith("workflows.")) > 10
    assert differences(found, contents(thorough.home)) == []


def test_a_tick_that_is_out_of_the_ordinary_is_left_to_dbt(
    ticked: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that the models do not have yet, a table that is gone, a window that does not fit."""
    following = Window(SHOP_SPAN.end, SHOP_SPAN.end + HOUR)
    changes = {
        "new column": "alter table workflows.welcome_series__hello drop column definition_version",
        "gone": "drop table workflows.welcome_series__hello",
        "other type": "alter table segments.segment_changes alter column segment type varchar[] using [segment]",
        "broke": "insert into engine.windows values ('triggers', ?, ?, false)",
        "ordinary": "select 1",
    }
    for name, change in changes.items():
        home = Home(tmp_path / name)
        shutil.copytree(ticked.root, home.root)
        with open_warehouse(home) as connection:
            connection.execute(change, [following.start, following.end] if "?" in change else None)
        assert (run_compiled(home, None, following) is None) == (name != "ordinary"), name
    assert run_compiled(home, None, Window(following.end, following.end + HOUR)) is not None
    assert run_compiled(home, None, Window(following.end + 2 * HOUR, following.end + 3 * HOUR)) is None


def test_a_view_is_created_anew_where_it_asks_for_the_window_or_is_another(ticked: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(ticked.root, home.root)
    first, second = split(Window(SHOP_SPAN.end, SHOP_SPAN.end + 2 * HOUR), HOUR)
    named = "select schema_name || '.' || view_name, view_oid from duckdb_views() where not internal"
    # while it is open, a view that is left alone keeps its number
    with open_warehouse(home) as connection:
        assert run_compiled(home, None, first) is not None
        connection.execute("create or replace view eligibility.eligibility as (select 1 as contact_id)")
        before = dict(connection.execute(named).fetchall())
        assert run_compiled(home, None, second) is not None
        after = dict(connection.execute(named).fetchall())
        sql = dict(connection.execute(named.replace("view_oid", "sql")).fetchall())
    anew = {name for name in before if after[name] != before[name]}
    assert {"eligibility.eligibility", "decisions.outbox_evidence"} <= anew
    assert {name for name in anew if f"{second.end}" not in sql[name]} == {"eligibility.eligibility"}
    assert "is_consented" in sql["eligibility.eligibility"]
    assert not any(f"{first.start}" in text for text in sql.values())


def test_a_tick_run_again_changes_nothing(replayed: Engine, tmp_path: Path) -> None:
    engine = replayed.copy(tmp_path / "home")
    before = contents(engine.home)
    for _ in range(3):
        again(engine, TICKS[-1])
        assert differences(before, contents(engine.home)) == []
    of_one_tick = tables_of_one_tick()
    for window in (TICKS[0], TICKS[1], TICKS[0]):
        again(engine, window)
        assert set(differences(before, contents(engine.home))) <= of_one_tick
    again(engine, TICKS[-1])
    assert differences(before, contents(engine.home)) == []


def test_dbt_runs_an_older_tick_again_and_changes_nothing(ticked: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(ticked.root, home.root)
    before = contents(home)
    assert run_tick(home, TICKS[1]).broken == []
    assert set(differences(before, contents(home))) <= tables_of_one_tick()


def test_a_full_refresh_rebuilds_nothing(ticked: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(ticked.root, home.root)
    before = contents(home)
    refreshed = run_dbt(home, ["run", "--full-refresh", "--select", "path:models/workflows"], TICKS[-1])
    assert refreshed.results
    assert differences(before, contents(home)) == []


def test_a_rebuild_from_raw_gives_the_same_rows_and_files(replayed: Engine, tmp_path: Path) -> None:
    engine = replayed.copy(tmp_path / "home")
    before = contents(engine.home)
    with open_warehouse(engine.home) as connection:
        engine.forget(connection, but=("configuration", "raw"))
    replay(engine.home, TICKS, statements=engine.statements)
    assert differences(before, contents(engine.home)) == []


def test_an_entry_table_that_is_gone_is_not_begun_anew(ticked: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(ticked.root, home.root)
    with open_warehouse(home) as connection:
        connection.execute("drop table workflows.welcome_series__entered")
    following = Window(SHOP_SPAN.end, SHOP_SPAN.end + HOUR)
    runs = run_models(home, ["path:models/workflows/welcome_series"], following)
    entered = next(run for run in runs if run.name == "welcome_series__entered")
    assert not entered.succeeded
    assert "welcome_series__entered is gone" in entered.message
    assert [run.name for run in runs if run.succeeded] == []
