"""The whole loop: the engine decides and delivers, people answer, and the marts tell what the simulator knows."""

import re
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from math import sqrt
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml
from answered_shop import SHOP, TICKS, AnsweredRun
from compiled_macros import small_warehouse as warehouse_in_memory
from readers import reading, tell

from dagster_project.home import Home
from dagster_project.publish import publish
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.transform import DBT, manifest, run_dbt
from dagster_project.ticks.windows import Window, split
from dagster_project.true_lift import true_click_rates, true_lift, true_step_lift
from dagster_project.warehouse import open_warehouse, spare_threads

MARTS = DBT / "models" / "marts"
REGISTERED = yaml.safe_load((DBT / "dbt_project.yml").read_text())["vars"]["attribution_models"]
START, DAY = SHOP.start, timedelta(days=1)


@pytest.fixture
def warehouse(answered_run: AnsweredRun) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(answered_run.home, read_only=True) as connection:
        yield connection


def test_three_readers_through_twenty_ticks_meet_no_error_and_are_one_tick_behind_at_most(
    answered_run: AnsweredRun,
) -> None:
    assert answered_run.heard.errors == []
    assert answered_run.heard.most_ticks_behind <= 1
    assert len(answered_run.heard.reads) == 3
    assert min(answered_run.heard.reads) > TICKS


def test_what_each_tick_cost_is_told_part_by_part(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection
) -> None:
    """Of the demonstration too, so that its page of operations has something to show."""
    told = warehouse.execute(
        "select count(*), count(deciding_seconds), count(leaving_seconds), count(landing_seconds), sum(actions), "
        "sum(rows_landed), count(distinct warehouse_bytes) from marts.tick_costs"
    ).fetchall()
    left = pl.scan_parquet(answered_run.home.outbox / "*" / "*.parquet").select(pl.len()).collect().item()
    (landed,) = warehouse.execute("select count(*) from raw.outcomes").fetchone() or (None,)
    assert told[0][:5] == (TICKS, TICKS, TICKS, TICKS - 1, left)
    assert told[0][5] > landed > 0
    assert told[0][6] > 1


LIFT = "select workflow, conversion_lift_low, conversion_lift_high, treated, held_out from"


def test_the_intervals_hold_what_the_workflows_truly_added(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection
) -> None:
    truly = true_lift(warehouse, answered_run.truth)
    found = {row[0]: row[1:] for row in warehouse.execute(f"{LIFT} marts.holdout_lift").fetchall()}
    missed = {workflow for workflow, (low, high, *_) in found.items() if not low <= truly[workflow] <= high}
    # of so many intervals, each right 95 times in 100, one may be wrong; not of those into which most people come
    assert len(missed) <= 1, missed
    assert not missed & {"abandoned_cart", "post_purchase", "welcome_series"}
    for _, _, treated, held_out in found.values():
        # of a few people chance decides
        assert 0.6 < treated / held_out < 1.7 or treated + held_out < 100
    assert truly["abandoned_cart"] > 0.15
    assert found["abandoned_cart"][0] > 0
    assert truly["post_purchase"] < -0.02


def test_the_interval_holds_what_a_single_message_truly_added(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection
) -> None:
    truly = true_step_lift(warehouse, answered_run.truth)
    steps = warehouse.execute(
        "select workflow, step, conversion_lift_low, conversion_lift_high, treated, held_out from marts.step_lift"
    ).fetchall()
    ((*place, low, high, treated, held_out),) = steps
    assert place == ["abandoned_cart", "reassurance"]
    assert low <= truly["abandoned_cart", "reassurance"] <= high
    assert truly["abandoned_cart", "reassurance"] > 0.03
    # a fifth: 999 draws of a thousand are as near to it
    people = treated + held_out
    assert abs(held_out - 0.2 * people) < 3.3 * sqrt(people * 0.2 * 0.8)


def test_the_simulator_and_the_engine_know_of_the_same_variants(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection
) -> None:
    told = warehouse.execute(
        "select decisions.variant, answers.variant, count(*) from read_parquet(?) as answers "
        "inner join decisions.decisions "
        "on decisions.action_id = cast(regexp_extract(message_id, '^<([0-9]+)[.]', 1) as bigint) "
        "where decisions.outcome = 'send' group by all",
        [str(answered_run.truth / "answers.parquet")],
    ).fetchall()
    assert {decided for decided, _, _ in told} == {"short subject", "long subject", "my order", "care guide", None}
    assert [row for row in told if row[0] != row[1]] == []


def test_the_sequence_holds_by_how_much_one_button_is_truly_clicked_more(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection
) -> None:
    truly = true_click_rates(warehouse, answered_run.truth)
    ((low, high, contacts),) = warehouse.execute(
        "select lift_low, lift_high, contacts from marts.experiment_results where variant = 'care guide'"
    ).fetchall()
    assert contacts > 20
    assert low <= truly["thanks button", "care guide"] - truly["thanks button", "my order"] <= high


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        # who is held out counts as treated, and the other way round
        ("""("assignment" = 'treated')""", """("assignment" in ('treated', 'holdout'))"""),
        ("""("assignment" = 'holdout')""", """("assignment" in ('treated', 'holdout'))"""),
    ],
)
def test_counting_people_on_the_wrong_side_is_caught(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection, right: str, wrong: str
) -> None:
    ((view,),) = warehouse.execute("select sql from duckdb_views() where view_name = 'holdout_lift'").fetchall()
    assert right in view
    body = view.partition(" AS ")[2].strip().rstrip(";").replace(right, wrong)
    ((_, low, high, *_),) = warehouse.execute(f"{LIFT} ({body}) where workflow = 'abandoned_cart'").fetchall()
    assert not low <= true_lift(warehouse, answered_run.truth)["abandoned_cart"] <= high


def test_what_the_first_day_met_with_is_what_the_simulator_knows(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection
) -> None:
    """Messages of the first day, and what came of them within the second: known by now, however late it landed."""
    truth = pl.read_parquet(answered_run.truth / "answers.parquet").with_columns(
        action_id=pl.col("message_id").str.extract(r"^<(\d+)\.").cast(pl.Int64)
    )
    early = truth.filter(pl.col("received_at") < START + DAY)
    for kind, column in (("opened", "opened_at"), ("clicked", "clicked_at"), ("unsubscribed", "unsubscribed_at")):
        expected = early.filter(pl.col(column) < START + 2 * DAY)["action_id"]
        found = warehouse.execute(
            "select action_id from marts.message_engagement where kind = ? and occurred_at < ? "
            "and list_contains(?::bigint[], action_id)",
            [kind, START + 2 * DAY, early["action_id"].to_list()],
        ).fetchall()
        assert sorted(action for (action,) in found) == sorted(expected)
        assert len(expected) > 3 or kind == "unsubscribed"
    performance = "select sum(opened), sum(unsubscribed), sum(bounced) from marts.workflow_performance"
    assert all(warehouse.execute(performance).fetchall()[0])


def test_who_unsubscribes_gets_nothing_more_of_that_topic_from_the_next_tick_on(
    answered_run: AnsweredRun, warehouse: duckdb.DuckDBPyConnection
) -> None:
    """An opt-out is known in the tick in which it happens, or is reported; not when the day's reports come."""
    left = (
        pl.read_parquet(answered_run.truth / "answers.parquet")
        .filter(pl.col("unsubscribed_at").is_not_null())
        .with_columns(action_id=pl.col("message_id").str.extract(r"^<(\d+)\.").cast(pl.Int64))
        .select("action_id", "unsubscribed_at")
    )
    warehouse.register("left_truth", left.to_arrow())
    heard = warehouse.execute(
        """
        select sent.contact_id, sent.topic, left_truth.unsubscribed_at, min(statements.effective_at) as heard_at
        from left_truth
        inner join decisions.decisions as sent on left_truth.action_id = sent.action_id and sent.outcome = 'send'
        inner join contacts.consent_statements as statements
            on
                sent.contact_id = statements.contact_id
                and statements.topic = sent.topic
                and statements.status = 'withdrawn'
                and statements.occurred_at = left_truth.unsubscribed_at
        group by all
        """
    )
    rows = heard.fetchall()
    assert len(rows) > 5
    prompt = [at for *_, happened, at in rows if (at - happened).total_seconds() <= 6 * 3600]
    assert len(prompt) > 0.75 * len(rows)
    for contact_id, topic, _, heard_at in rows:
        ((after,),) = warehouse.execute(
            """
            select count(*)
            from decisions.decisions
            where
                contact_id = $contact_id and topic = $topic and outcome = 'send' and kind = 'send'
                and tick_end - interval '6 hours' >= $heard_at
                and not exists (
                    select 1 from contacts.consent_statements as again
                    where
                        again.contact_id = $contact_id and again.topic = $topic and again.status = 'granted'
                        and again.effective_at >= $heard_at
                )
            """,
            {"contact_id": contact_id, "topic": topic, "heard_at": heard_at},
        ).fetchall()
        assert after == 0


def test_each_model_of_attribution_gives_each_order_its_credit_once(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = warehouse.execute(
        """
        select
            attribution_model, sum(share), sum(attributed_conversions), sum(attributed_gross_revenue),
            sum(attributed_revenue), count(distinct conversion_id), count(*)
        from marts.attributed_conversions
        group by attribution_model
        """
    ).fetchall()
    credit = {model: rest for model, *rest in found}
    assert set(credit) == set(REGISTERED)
    ((conversions, touches),) = warehouse.execute(
        "select count(distinct conversion_id), count(*) from marts.conversion_touchpoints"
    ).fetchall()
    ((orders, worth),) = warehouse.execute(
        "select count(*), sum(total) from contacts.orders where status = 'placed' and effective_at >= ?", [START]
    ).fetchall()
    assert touches > conversions == orders > 50
    to_one_touch = {"last_non_direct", "last_touch", "first_touch"}
    for model, (shares, kept, gross, revenue, credited, rows) in credit.items():
        assert (shares, gross, credited) == (conversions, worth, conversions)
        assert (kept, revenue) == (credit["linear"][1], credit["linear"][3])
        assert kept <= conversions
        assert rows == (conversions if model in to_one_touch else touches)
    kinds = dict(warehouse.execute("select kind, count(*) from marts.conversion_touchpoints group by kind").fetchall())
    assert kinds.keys() >= {"sent", "clicked", "visit", "direct"}
    first_and_last = warehouse.execute(
        "select count(*) from marts.first_touch inner join marts.last_touch using (conversion_id, touch_id)"
    ).fetchall()
    assert first_and_last < [(conversions,)]
    fitted = "select count(distinct fitted_at), min(conversions) from marts."
    for model in ("markov_effects", "shapley_values"):
        assert warehouse.execute(fitted + model).fetchall()[0] >= (3, 1)
    apart = "select count(*) from marts.markov inner join marts.linear using (conversion_id, touch_id) "
    assert warehouse.execute(apart + "where abs(markov.share - linear.share) > 0.01").fetchall() > [(20,)]


def test_a_model_of_attribution_is_named_in_its_file_and_the_registry_alone() -> None:
    for model in REGISTERED:
        naming = {path.stem for path in MARTS.rglob("*.sql") if re.search(rf"\b{model}\b", path.read_text())}
        assert naming <= {model}
        assert (MARTS / "attribution" / f"{model}.sql").exists()


@pytest.fixture(scope="module")
def data_tests(answered_run: AnsweredRun) -> list[Any]:
    """dbt's data tests, as it would ask them. To let dbt ask them one by one takes twice as long."""
    results = run_dbt(answered_run.home, ["compile", "--select", "test_type:data"]).results
    return [result.node for result in results if result.node.resource_type == "test"]


def fails(warehouse: duckdb.DuckDBPyConnection, test: Any) -> bool:
    return warehouse.execute(f"select count(*) from ({test.compiled_code}) as broken").fetchall() != [(0,)]


def test_the_data_tests_hold(answered_run: AnsweredRun, data_tests: list[Any]) -> None:
    """All that must always be true of a warehouse."""
    assert len(data_tests) > 1_000
    with open_warehouse(answered_run.home, read_only=True) as warehouse:
        spare_threads(warehouse, answered_run.home)
        assert [test.name for test in data_tests if fails(warehouse, test)] == []


# a ledger, in which the same may well stand twice
WITHOUT_A_KEY = {"engagement_points"}


def test_a_row_that_stands_twice_or_says_nothing_breaks_a_test_of_every_mart(data_tests: list[Any]) -> None:
    marts = [node for node in manifest().nodes.values() if node.resource_type == "model" and node.fqn[1] == "marts"]
    kept: dict[str, set[str]] = {}
    with warehouse_in_memory() as warehouse:
        warehouse.execute("create schema marts")
        for mart in marts:
            # tests that ask for another table as well are not those of a key
            own = [
                test
                for test in data_tests
                if test.resource_type == "test" and set(test.depends_on.nodes) == {mart.unique_id}
            ]
            types = {column.name: column.data_type for column in mart.columns.values()}
            table = f"marts.{mart.name}"
            warehouse.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in types.items())})")
            warehouse.execute(f"insert into {table} select {', '.join(map(some_value, types.values()))}")
            at_first = {test.name for test in own if fails(warehouse, test)}
            warehouse.execute(f"insert into {table} from {table}")
            twice = {test.name for test in own if fails(warehouse, test)} - at_first
            warehouse.execute(f"delete from {table}")
            warehouse.execute(f"insert into {table} select {', '.join(['null'] * len(types))}")
            nothing = {test.name for test in own if fails(warehouse, test)}
            kept[mart.name] = {"twice"} if twice else set()
            kept[mart.name] |= {"nothing"} if nothing else set()
    assert {mart for mart, broken in kept.items() if "nothing" not in broken} == set()
    assert {mart for mart, broken in kept.items() if "twice" not in broken} == WITHOUT_A_KEY


def some_value(kind: str) -> str:
    """Any value of a type."""
    if kind in ("date", "timestamp"):
        return f"{kind} '2026-03-02'"
    return f"cast({'[1]' if kind.endswith('[]') else 1} as {kind})"


Rows = dict[str, list[tuple]]


def rows_of_marts(connection: duckdb.DuckDBPyConnection) -> Rows:
    """The rows of every mart, but for the ends of the ticks that wrote them."""
    tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    return {
        table: connection.execute(
            f"select columns(name -> name <> 'tick_end') from marts.{table} order by all"
        ).fetchall()
        for (table,) in sorted(tables)
    }


@pytest.fixture(scope="module")
def as_it_was(answered_run: AnsweredRun) -> Rows:
    with open_warehouse(answered_run.home, read_only=True) as connection:
        return rows_of_marts(connection)


def worked_out_anew(answered_run: AnsweredRun, statements: list[Statement], size: timedelta, folder: Path) -> Rows:
    """All marts from nothing, in ticks of another size, from the same knowledge and decisions."""
    home = Home(folder).prepare()
    shutil.copyfile(answered_run.home.warehouse, home.warehouse)
    with open_warehouse(home) as connection:
        spare_threads(connection, home)
        for table in rows_of_marts(connection):
            connection.execute(f"delete from marts.{table}")
        connection.execute("delete from engine.windows where scope = 'marts'")
        for window in split(Window(SHOP.start, SHOP.end), size):
            replay_tick(connection, statements, window)
        return rows_of_marts(connection)


@pytest.mark.parametrize("hours", [5, 30, 5 * 24])
def test_the_size_of_a_tick_changes_no_mart(
    answered_run: AnsweredRun,
    compiled: tuple[Home, list[Statement]],
    as_it_was: Rows,
    tmp_path: Path,
    hours: int,
) -> None:
    statements = [known for known in compiled[1] if known.scope == "marts"]
    found = worked_out_anew(answered_run, statements, timedelta(hours=hours), tmp_path)
    assert found.keys() == as_it_was.keys()
    assert [mart for mart in found if found[mart] != as_it_was[mart]] == []
    assert {mart for mart in found if found[mart]} >= {
        "touchpoints", "conversion_touchpoints", "linear", "markov_effects", "shapley", "message_engagement",
        "workflow_performance",
    }  # fmt: skip


def test_a_mart_that_forgets_its_window_is_caught(
    answered_run: AnsweredRun, compiled: tuple[Home, list[Statement]], as_it_was: Rows, tmp_path: Path
) -> None:
    """The mutant: touchpoints of the tick's last hour only."""
    start = "cast(getvariable('tick_start') as timestamp)"
    late = "(cast(getvariable('tick_end') as timestamp) - interval '1 hour')"
    statements = [
        known.saying([sql.replace(start, late) for sql in known.sql])
        if known.model == "conversion_touchpoints"
        else known
        for known in compiled[1]
        if known.scope == "marts"
    ]
    found = worked_out_anew(answered_run, statements, timedelta(hours=30), tmp_path)
    assert found["linear"] != as_it_was["linear"]


@pytest.fixture
def small_warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.ticks (tick_end timestamp)")
        connection.execute("create table marts.many as select hash(range) % 1000000007 as number from range(300000)")
        yield connection


def publish_ticks(connection: duckdb.DuckDBPyConnection, published: Path, folder: Path) -> None:
    for tick in range(1, TICKS + 1):
        connection.execute("insert into marts.ticks values (now()::timestamp)")
        connection.execute("update marts.many set number = number * 7 % 1000003")
        publish(connection, published, ("ticks", "many"))
        tell(folder, tick)


def test_the_readers_see_a_copy_that_is_written_in_place(
    small_warehouse: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(tmp_path / "whole", tmp_path / "readers of whole", with_parquet=False) as heard:
        publish_ticks(small_warehouse, tmp_path / "whole", tmp_path / "readers of whole")
    assert (heard.errors, heard.most_ticks_behind <= 1) == ([], True)

    rename = Path.replace

    def overwrite(source: Path, target: Path) -> Path:
        if source.name != "hourbell.duckdb.unfinished":
            return rename(source, target)
        content = source.read_bytes()
        with target.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            # long enough for somebody to open it, however busy the machine is
            time.sleep(0.1)
            file.write(content[len(content) // 2 :])
        return target

    small_warehouse.execute("delete from marts.ticks")
    monkeypatch.setattr(Path, "replace", overwrite)
    with reading(tmp_path / "torn", tmp_path / "readers of torn", with_parquet=False) as heard:
        publish_ticks(small_warehouse, tmp_path / "torn", tmp_path / "readers of torn")
    assert heard.errors
