"""Models of attribution against slow, obvious references: what they learn from paths, and what they give for it."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from attribution_paths import (
    LEARNING,
    LONG_AGO,
    MIDNIGHT,
    TICK,
    Journey,
    credit_by_state,
    fill,
    give_credit,
    learn,
    removal_effects,
    shapley_value,
    worths,
)
from compiled_macros import set_window, small_warehouse
from hypothesis import given, settings
from hypothesis import strategies as st

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.registry import unfiled_models_of_attribution
from dagster_project.ticks.transform import DBT, manifest, run_dbt
from dagster_project.ticks.windows import Window

HISTORIES = st.lists(
    st.builds(
        Journey,
        st.lists(st.sampled_from(["email", "sms", "cpc", "social", "direct"]), min_size=1, max_size=6).map(tuple),
        st.integers(0, 5),
        st.integers(0, 5),
    ).filter(lambda one: one.orders + one.without > 0),
    min_size=1,
    max_size=8,
)
SHOP = (
    Journey(("cpc", "email", "cpc", "direct"), orders=7, without=20),
    Journey(("social", "email"), orders=3, without=11),
    Journey(("email", "email", "email"), orders=5, without=2),
    Journey(("direct",), orders=11, without=40),
    Journey(("cpc", "direct"), orders=2, without=9),
    Journey(("social",), without=30),
    Journey(("cpc",), orders=1, without=13),
)
# more states than are worked out exactly
CROWD = tuple(f"channel {number:02}" for number in range(14))


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models of attribution and the test that they add up."""
    home = Home(tmp_path_factory.mktemp("attribution")).prepare()
    selected = ["path:models/marts/attribution", "midnights", "assert_attribution_adds_up"]
    results = run_dbt(home, ["compile", "--select", *selected, "--indirect-selection", "empty"]).results
    return {result.node.name: result.node.compiled_code for result in results if hasattr(result.node, "compiled_code")}


@pytest.fixture(scope="module")
def registered() -> list[str]:
    depends = manifest().nodes["model.hourbell.attributed_conversions"].depends_on.nodes
    models = [name.rpartition(".")[2] for name in depends]
    return [model for model in models if model not in ("conversion_touchpoints", "given_back")]


@pytest.fixture(scope="module")
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with small_warehouse() as connection:
        set_window(connection, TICK)
        yield connection


def effects(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    return dict(connection.execute("select state, removal_effect from marts.markov_effects").fetchall())


def rows_of(connection: duckdb.DuckDBPyConnection, model: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"from marts.{model} order by all").fetchall()


def values(connection: duckdb.DuckDBPyConnection) -> dict[frozenset[str], dict[str, float]]:
    found: dict[frozenset[str], dict[str, float]] = {}
    for coalition, state, value in connection.execute(
        "select coalition, state, value from marts.shapley_values"
    ).fetchall():
        found.setdefault(frozenset(coalition.split(" + ")), {})[state] = value
    return found


@settings(max_examples=25, deadline=None)
@given(HISTORIES)
def test_any_paths_are_learnt_from_as_the_references_do(
    sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection, journeys: list[Journey]
) -> None:
    fill(warehouse, journeys)
    learn(warehouse, sql)
    assert effects(warehouse) == pytest.approx(removal_effects(journeys), abs=1e-9)
    worth = worths(journeys)
    found = values(warehouse)
    assert found.keys() == worth.keys()
    for coalition, value in found.items():
        assert value == pytest.approx(shapley_value(coalition, worth), abs=1e-9)


def test_orders_hang_on_a_state_that_all_paths_end_with(
    sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection
) -> None:
    """By the other definition of removal who met with both would go on without the second, and order as before."""
    fill(warehouse, [Journey(("first", "second"), orders=5, without=5), Journey(("second",), orders=5, without=5)])
    learn(warehouse, sql)
    assert effects(warehouse) == pytest.approx({"first": 0.5, "second": 1.0})


@pytest.fixture
def shop(sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    fill(warehouse, SHOP)
    learn(warehouse, sql)
    return warehouse


def test_credit_within_a_path_goes_by_what_was_learnt(sql: dict[str, str], shop: duckdb.DuckDBPyConnection) -> None:
    give_credit(shop, sql, ["markov", "shapley"])
    effect, worth = removal_effects(SHOP), worths(SHOP)
    by_effect: dict[str, float] = {}
    by_value: dict[str, float] = {}
    for one in SHOP:
        met = set(one.states)
        value = {state: max(found, 0) for state, found in shapley_value(frozenset(met), worth).items()}
        for state in met:
            by_effect[state] = by_effect.get(state, 0) + one.orders * effect[state] / sum(
                effect[other] for other in met
            )
            by_value[state] = by_value.get(state, 0) + (one.orders and one.orders * value[state] / sum(value.values()))
    assert credit_by_state(shop, "markov") == pytest.approx(by_effect, abs=1e-6)
    assert credit_by_state(shop, "shapley") == pytest.approx(by_value, abs=1e-6)


def test_large_coalitions_are_sampled_and_say_how_far_off_they_may_be(
    sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection
) -> None:
    journeys = [
        Journey(CROWD, orders=9, without=1),
        *(Journey((state,), orders=number + 1, without=20) for number, state in enumerate(CROWD)),
        Journey(CROWD[:2], orders=5, without=5),
    ]
    fill(warehouse, journeys)
    learn(warehouse, sql)
    rows = warehouse.execute(
        "select state, value, standard_error from marts.shapley_values where is_sampled order by state"
    ).fetchall()
    assert [state for state, *_ in rows] == list(CROWD)
    again = warehouse.execute(sql["shapley_values"] + " order by all").fetchall()
    assert again == rows_of(warehouse, "shapley_values")
    warehouse.execute(
        "create or replace table marts.shapley_values as " + sql["shapley_values"].replace("12", str(len(CROWD)))
    )
    exact = values(warehouse)[frozenset(CROWD)]
    assert sum(value for _, value, _ in rows) == pytest.approx(0.9)
    assert all(error > 0 for *_, error in rows)
    assert all(abs(value - exact[state]) < 4 * error for state, value, error in rows)
    assert max(error for *_, error in rows) < 0.003


def test_what_is_known_too_late_or_was_long_ago_is_not_learnt_from(
    sql: dict[str, str], shop: duckdb.DuckDBPyConnection
) -> None:
    before = effects(shop)
    for table in ("touchpoints", "conversion_touchpoints"):
        for known_at in (MIDNIGHT, MIDNIGHT - timedelta(days=30, seconds=1)):
            shop.execute(
                f"insert into marts.{table} select * replace (concat('late', conversion_id) as conversion_id, "
                "cast(hash(touch_id, $known_at) >> 4 as bigint) as touch_id, 'new' as channel, $known_at as known_at) "
                f"from marts.{table} where conversion_id not like 'late%'",
                {"known_at": known_at},
            )
    learn(shop, sql)
    assert effects(shop) == before
    # what can still lead to an order has not led to none
    shop.execute(f"update marts.touchpoints set touched_at = timestamp '{MIDNIGHT}' - interval '6 days' where not led")
    learn(shop, sql)
    assert shop.execute("select distinct journeys = conversions from marts.markov_effects").fetchall() == [(True,)]


@pytest.mark.parametrize("hours", [1, 24, 72])
def test_the_size_of_a_tick_changes_nothing_that_is_learnt(
    sql: dict[str, str], shop: duckdb.DuckDBPyConnection, hours: int
) -> None:
    learnt = {model: rows_of(shop, model) for model in LEARNING}
    set_window(shop, Window(MIDNIGHT, MIDNIGHT + timedelta(hours=hours)))
    try:
        learn(shop, sql)
        for model, rows in learnt.items():
            found = rows_of(shop, model)
            assert [row for row in found if row[0] == MIDNIGHT] == rows
            assert {row[0] for row in found} == {MIDNIGHT + timedelta(days=day) for day in range((hours + 23) // 24)}
        set_window(shop, Window(MIDNIGHT + timedelta(hours=1), MIDNIGHT + timedelta(hours=24)))
        learn(shop, sql)
        assert not rows_of(shop, "markov_effects")
    finally:
        set_window(shop, TICK)


def give_back(connection: duckdb.DuckDBPyConnection) -> None:
    """One order is cancelled, one refunded, of one a part, each ahead of what is learnt."""
    connection.execute(
        f"""
        insert into contacts.orders
        select
            order_id, case number when 1 then 'cancelled' else 'refunded' end, total,
            case number when 2 then total when 3 then 3.33 end, timestamp '{LONG_AGO}' + interval '2 days'
        from (select *, row_number() over (order by order_id) as number from contacts.orders)
        where number <= 3
        """
    )


def test_orders_that_were_given_back_were_none(sql: dict[str, str], shop: duckdb.DuckDBPyConnection) -> None:
    give_back(shop)
    learn(shop, sql)
    # the first path's: two of seven led to nothing after all
    changed = [Journey(SHOP[0].states, SHOP[0].orders - 2, SHOP[0].without + 2), *SHOP[1:]]
    assert effects(shop) == pytest.approx(removal_effects(changed), abs=1e-9)
    assert effects(shop) != pytest.approx(removal_effects(SHOP), abs=1e-4)


def broken_sums(connection: duckdb.DuckDBPyConnection, sql: Mapping[str, str], models: list[str]) -> int:
    """How many orders are not shared out whole, by all models."""
    connection.execute(f"create or replace view marts.given_back as {sql['given_back']}")
    give_credit(connection, sql, models)
    connection.execute(f"create or replace table marts.attributed_conversions as {sql['attributed_conversions']}")
    return len(connection.execute(sql["assert_attribution_adds_up"]).fetchall())


def test_the_credits_of_each_model_are_all_orders_and_all_revenue_to_the_cent(
    sql: dict[str, str], shop: duckdb.DuckDBPyConnection, registered: list[str]
) -> None:
    give_back(shop)
    learn(shop, sql)
    assert len(registered) == 8
    assert broken_sums(shop, sql, registered) == 0
    sums = shop.execute(
        "select distinct sum(attributed_conversions), sum(attributed_revenue) "
        "from marts.attributed_conversions group by attribution_model"
    ).fetchall()
    ((revenue,),) = shop.execute("select sum(revenue) from marts.conversions").fetchall()
    ((returned,),) = shop.execute("select sum(amount) from marts.given_back").fetchall()
    assert sums == [(sum(one.orders for one in SHOP) - 2, revenue - returned)]
    totals = "select attribution_model, channel, conversions, revenue from ({}) order by all"
    by_channel = (
        "select attribution_model, channel, sum(attributed_conversions) as conversions, "
        "sum(attributed_revenue) as revenue from marts.attributed_conversions group by attribution_model, channel"
    )
    found = shop.execute(totals.format(sql["attribution_totals"])).fetchall()
    assert found == shop.execute(totals.format(by_channel)).fetchall()
    assert len(found) > len(registered)


CAMPAIGNS = [f"{('cpc', 'social', 'banner')[number % 3]}|bot {number}" for number in range(2_000)]


def flooded() -> list[Journey]:
    """What people met with, among 2,000 campaigns that somebody made up, each in one link."""
    known = [
        Journey((f"email|offer {number}", f"cpc|brand {number}"), orders=9 - number, without=3) for number in range(5)
    ]
    made_up = [
        Journey((campaign, "direct"), orders=int(number % 40 == 0), without=1)
        for number, campaign in enumerate(CAMPAIGNS)
    ]
    return [*SHOP, *known, *made_up]


def test_links_that_a_bot_makes_up_are_one_state_of_their_channel(
    sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection, registered: list[str]
) -> None:
    fill(warehouse, flooded())
    learn(warehouse, sql)
    states = {state for state, *_ in warehouse.execute("select state from marts.markov_effects").fetchall()}
    assert len(states) == 60
    assert states >= {"cpc / other", "social / other", "banner / other", "direct", "email", "cpc / brand 4"}
    # as it would be if all of them had said no campaign
    kept = {state.replace(" / ", "|") for state in states}
    folded = [
        Journey(
            tuple(one if one in kept else f"{one.partition('|')[0]}|other" for one in journey.states),
            journey.orders,
            journey.without,
        )
        for journey in flooded()
    ]
    expected = {state.replace("|", " / "): effect for state, effect in removal_effects(folded).items()}
    assert effects(warehouse) == pytest.approx(expected, abs=1e-9)
    assert broken_sums(warehouse, sql, registered) == 0
    again = {model: rows_of(warehouse, model) for model in ("attribution_states", *LEARNING)}
    learn(warehouse, sql)
    # the order in which rows are stored decides nothing
    warehouse.execute("create or replace table marts.touchpoints as from marts.touchpoints order by hash(touch_id)")
    for model in ("midnights", "attribution_states"):
        warehouse.execute(f"create or replace table marts.{model} as {sql[model]}")
    assert rows_of(warehouse, "attribution_states") == again["attribution_states"]


def test_channels_that_a_bot_makes_up_are_bounded_too(
    sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection, registered: list[str]
) -> None:
    made_up = [
        Journey((f"medium {number}|bot {number}",), orders=int(number % 50 == 0), without=1) for number in range(500)
    ]
    fill(warehouse, [*SHOP, *made_up])
    learn(warehouse, sql)
    states = set(effects(warehouse))
    assert len(states) == 60
    assert states >= {"other", "cpc / other", "email / other", "direct / other", "social / other"}
    assert broken_sums(warehouse, sql, registered) == 0


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        # nothing is folded
        ("states_left <= 60", "states_left <= 60000"),
        # what is rare is kept
        ("order by touches desc, state asc", "order by touches asc, state asc"),
    ],
)
def test_states_without_a_bound_are_caught(
    sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection, right: str, wrong: str
) -> None:
    fill(warehouse, flooded()[:200])
    for model in ("midnights", "attribution_states"):
        warehouse.execute(f"create or replace table marts.{model} as {sql[model]}")
    healthy = rows_of(warehouse, "attribution_states")
    assert len(healthy) == 60
    assert right in sql["attribution_states"]
    warehouse.execute(
        "create or replace table marts.attribution_states as " + sql["attribution_states"].replace(right, wrong)
    )
    assert rows_of(warehouse, "attribution_states") != healthy


SETTINGS = [
    ("position_based", "position_weights: {first: 0.7, last: 0.4}", "together no more than 1"),
    ("position_based", "position_weights: {first: -0.1, last: 0.4}", "each from 0 to 1"),
    ("position_based", "position_weights: {first: 0.4}", "Say first and last"),
    ("time_decay", "time_decay_half_life: 0 days", "time_decay_half_life is 0 days. Say a number above zero"),
    ("conversion_touchpoints", "attribution_window: a week", "attribution_window is a week."),
    ("attributed_conversions", "attribution_models: []", "List models of attribution"),
    ("attributed_conversions", "attribution_models: [linear, linear]", "each once"),
    ("attribution_states", "attribution_states: 1", "Say a whole number from 2 on"),
    ("attribution_states", "attribution_state: [medium]", "List columns of touchpoints"),
]


@pytest.mark.parametrize(("model", "setting", "told"), SETTINGS, ids=[setting for _, setting, _ in SETTINGS])
def test_a_setting_that_makes_no_sense_is_refused_with_the_mend(
    tmp_path: Path, model: str, setting: str, told: str
) -> None:
    variables = json.dumps(yaml.safe_load(setting))
    selected = ["compile", "--select", model, "--indirect-selection", "empty", "--vars", variables]
    with pytest.raises(HourbellError, match=re.escape(told)) as raised:
        run_dbt(Home(tmp_path).prepare(), selected)
    assert "dbt_project.yml" in str(raised.value)


def test_a_model_of_attribution_without_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models" / "marts" / "attribution").mkdir(parents=True)
    (tmp_path / "models" / "marts" / "attribution" / "linear.sql").write_text("select 1")
    (tmp_path / "dbt_project.yml").write_text("vars: {attribution_models: [linear, liner]}")
    assert unfiled_models_of_attribution(tmp_path) == ["liner"]
    assert unfiled_models_of_attribution(DBT) == []


@pytest.mark.parametrize(
    ("model", "right", "wrong"),
    [
        # a cent is lost
        ("attributed_conversions", "<= round(", "< round("),
        # each part is rounded by itself
        ("attributed_conversions", "floor(", "round("),
        # an order that was cancelled counts
        ("attributed_conversions", "case when is_kept then share else 0 end", "share"),
        # what was refunded counts
        ("given_back", "status in ('cancelled', 'refunded')", "status in ('cancelled')"),
        # what does not divide is lost
        ("linear", "<= round(", "< round("),
    ],
)
def test_money_that_is_lost_or_invented_is_caught(
    sql: dict[str, str], shop: duckdb.DuckDBPyConnection, registered: list[str], model: str, right: str, wrong: str
) -> None:
    give_back(shop)
    assert right in sql[model]
    healthy = "create or replace table marts.given_back_before as " + sql["given_back"]
    shop.execute(healthy)
    assertion = sql["assert_attribution_adds_up"].replace('"given_back"', '"given_back_before"')
    assert broken_sums(
        shop, {**sql, model: sql[model].replace(right, wrong), "assert_attribution_adds_up": assertion}, registered
    )


@pytest.mark.parametrize(
    ("model", "right", "wrong"),
    [
        # how often a state is come to, instead of whether
        ("markov_effects", "(to_it.value / at_it.value)", "to_it.value"),
        # what passes through a state, whether or not it leads to an order
        ("markov_effects", "* ordering.chance_of_order /", "* from_start.chance_of_order /"),
        # an order that was given back counts
        ("markov_effects", "lost.conversion_id is null as converted", "true as converted"),
        # all the past is learnt from
        ("markov_effects", "interval '30 days'", "interval '300 days'"),
        # only paths that led to an order are
        ("markov_effects", "from led_nowhere as touches", "from led_nowhere as touches where false"),
    ],
)
def test_learning_something_else_is_caught(
    sql: dict[str, str], shop: duckdb.DuckDBPyConnection, model: str, right: str, wrong: str
) -> None:
    give_back(shop)
    long_ago = f"timestamp '{MIDNIGHT}' - interval '40 days'"
    shop.execute(
        "insert into marts.conversion_touchpoints select * replace ('old' as conversion_id, 'old' as channel, "
        f"{long_ago} as known_at, {long_ago} as touched_at) from marts.conversion_touchpoints limit 1"
    )
    learn(shop, sql)
    expected = effects(shop)
    assert right in sql[model]
    learn(shop, {**sql, model: sql[model].replace(right, wrong)})
    assert effects(shop) != pytest.approx(expected, abs=1e-6)
