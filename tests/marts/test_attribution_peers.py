"""Models of attribution beside published packages, on the examples that come with them.

They need the extra `attribution`.
"""

import ast
import csv
import re
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

import duckdb
import polars as pl
import pytest
from attribution_paths import TICK, Journey, credit_by_state, fill, give_credit, learn, removal_effects
from compiled_macros import set_window, small_warehouse

from dagster_project.home import Home
from dagster_project.ticks.transform import run_dbt

channel_attribution = pytest.importorskip(
    "ChannelAttribution", reason="needs the extra attribution", exc_type=ImportError
)
mam = pytest.importorskip("mam", reason="needs the extra attribution", exc_type=ImportError)

MODELS = ("first_touch", "last_touch", "linear", "position_based")


@pytest.fixture(scope="module")
def example() -> list[Journey]:
    """The paths that ChannelAttribution brings along."""
    import cypack

    with (Path(cypack.__file__).parent / "data" / "Data.csv").open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return [
        Journey(tuple(row["path"].split(" > ")), int(row["total_conversions"]), int(row["total_null"])) for row in rows
    ]


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = Home(tmp_path_factory.mktemp("attribution")).prepare()
    # nothing is sampled: the packages do not
    selected = ["--select", "path:models/marts/attribution", "midnights", "--indirect-selection", "empty"]
    results = run_dbt(home, ["compile", *selected, "--vars", "shapley_exact_states: 14"]).results
    return {result.node.name: result.node.compiled_code for result in results}


@pytest.fixture(scope="module")
def warehouse(example: list[Journey], sql: dict[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_warehouse() as connection:
        set_window(connection, TICK)
        fill(connection, example)
        learn(connection, sql)
        give_credit(connection, sql, [*MODELS, "time_decay"])
        yield connection


@pytest.fixture(scope="module")
def peer(example: list[Journey]) -> object:
    """marketing-attribution-models over the same paths, each with how often it was gone."""
    rows = [
        {"journey": " > ".join(one.states), "conversion": led, "occurrences": times}
        for one in example
        for led, times in ((True, one.orders), (False, one.without))
        if times
    ]
    return mam.MAM(
        pl.DataFrame(rows),
        format_type="grouped_journey",
        channels_colname="journey",
        journey_with_conv_colname="conversion",
        occurrences_colname="occurrences",
    )


def attribution(result: object) -> dict[str, float]:
    return {row["channels"]: row["attribution"] for row in result.to_polars().iter_rows(named=True)}  # type: ignore[attr-defined]


def test_rules_give_the_same_as_channel_attribution(
    example: list[Journey], warehouse: duckdb.DuckDBPyConnection
) -> None:
    import pandas as pd

    data = pd.DataFrame(
        {"path": [" > ".join(one.states) for one in example], "orders": [one.orders for one in example]}
    )
    found = channel_attribution.heuristic_models(data, "path", "orders", flg_pro=False).set_index("channel_name")
    for ours, theirs in (("first_touch", "first_touch"), ("last_touch", "last_touch"), ("linear", "linear_touch")):
        assert credit_by_state(warehouse, ours) == pytest.approx(
            {state: count for state, count in found[theirs].to_dict().items() if count}, abs=1e-3
        )


def test_removal_effects_are_those_that_channel_attribution_simulates(
    example: list[Journey], warehouse: duckdb.DuckDBPyConnection
) -> None:
    import pandas as pd

    data = pd.DataFrame(
        {
            "path": [" > ".join(one.states) for one in example],
            "orders": [one.orders for one in example],
            "nothing": [one.without for one in example],
        }
    )
    found = channel_attribution.markov_model(
        data, "path", "orders", var_null="nothing", out_more=True, conv_par=0.005, seed=1, verbose=False, flg_pro=False
    )
    effects = found["removal_effects"].set_index("channel_name")["removal_effect"].to_dict()
    orders = found["result"].set_index("channel_name")["total_conversions"].to_dict()
    ours = warehouse.execute(
        "select state, removal_effect, cast(share * conversions as double) from marts.markov_effects"
    ).fetchall()
    assert {state for state, *_ in ours} == set(effects)
    for state, effect, credited in ours:
        assert effect == pytest.approx(effects[state], abs=0.005)
        assert credited == pytest.approx(orders[state], rel=0.03, abs=5)
    assert sum(credited for *_, credited in ours) == pytest.approx(sum(orders.values()))


def test_rules_give_the_same_as_marketing_attribution_models(
    warehouse: duckdb.DuckDBPyConnection, peer: object
) -> None:
    theirs = {
        "first_touch": peer.run_first_click(),  # type: ignore[attr-defined]
        "last_touch": peer.run_last_click(),  # type: ignore[attr-defined]
        "linear": peer.run_linear(),  # type: ignore[attr-defined]
        "position_based": peer.run_position_based(),  # type: ignore[attr-defined]
    }
    for model in MODELS:
        expected = {state: count for state, count in attribution(theirs[model]).items() if count}
        assert credit_by_state(warehouse, model) == pytest.approx(expected, abs=1e-3)


def test_credit_fades_as_in_marketing_attribution_models(warehouse: duckdb.DuckDBPyConnection) -> None:
    paths = warehouse.execute(
        """
        select
            conversion_id, string_agg(channel, ' > ' order by touched_at) as journey, true as conversion,
            string_agg(epoch(converted_at - touched_at) / 3600, ' > ' order by touched_at) as hours
        from marts.conversion_touchpoints group by conversion_id
        """
    ).pl()
    theirs = mam.MAM(
        paths.rename({"conversion_id": "journey_id"}),
        format_type="journey",
        channels_colname="journey",
        journey_with_conv_colname="conversion",
        time_till_conv_colname="hours",
    ).run_time_decay(half_life_hours=7 * 24)
    assert credit_by_state(warehouse, "time_decay") == pytest.approx(attribution(theirs), abs=1e-3)


def test_markov_and_shapley_learn_the_same_as_marketing_attribution_models(
    example: list[Journey], warehouse: duckdb.DuckDBPyConnection, peer: object
) -> None:
    effects = dict(warehouse.execute("select state, removal_effect from marts.markov_effects").fetchall())
    theirs = peer.run_markov(transition_to_same_state=True).metadata["removal_effect"]  # type: ignore[attr-defined]
    assert effects == pytest.approx(theirs["removal_effect"].to_dict(), abs=1e-9)
    assert effects == pytest.approx(removal_effects(example), abs=1e-9)

    table = peer.run_shapley(max_size=14).metadata["conv_table"]  # type: ignore[attr-defined]
    expected = {
        (row["combinations"].replace(" > ", " + "), state): credit
        for row in table.iter_rows(named=True)
        for state, credit in zip(
            row["combinations"].split(" > "), row["attribution_shapley_size14_conv_rate_algorithmic"], strict=True
        )
    }
    ours = warehouse.execute(
        "select coalition, state, conversions * value / sum(value) over (partition by coalition) "
        "from marts.shapley_values"
    ).fetchall()
    assert {(coalition, state): credit for coalition, state, credit in ours} == pytest.approx(
        expected, rel=1e-6, abs=1e-6
    )


@pytest.fixture
def described() -> pl.DataFrame:
    """The example of grouped paths with revenue out of the description of marketing-attribution-models."""
    told = metadata("marketing-attribution-models")["Description"]
    found = re.search(r"df_grouped = pl\.DataFrame\((\{.*?\})\)", told, re.DOTALL)
    assert found
    return pl.DataFrame(ast.literal_eval(found.group(1)))


def test_all_models_give_the_same_on_the_example_of_marketing_attribution_models(
    sql: dict[str, str], described: pl.DataFrame
) -> None:
    columns = {
        "format_type": "grouped_journey",
        "channels_colname": "journey",
        "journey_with_conv_colname": "has_conversion",
        "occurrences_colname": "occurrences",
    }
    in_money = mam.MAM(described, **columns, conversion_value_colname="revenue")
    in_orders = mam.MAM(described.drop("revenue"), **columns)
    journeys = [
        Journey(tuple(path.split(" > ")), *((times, 0) if led else (0, times)))
        for path, led, times, _ in described.iter_rows()
    ]
    worth = {tuple(path.split(" > ")): revenue / times for path, led, times, revenue in described.iter_rows() if led}
    with small_warehouse() as connection:
        set_window(connection, TICK)
        fill(connection, journeys)
        learn(connection, sql)
        for path, each in worth.items():
            connection.execute(
                "update marts.conversion_touchpoints set revenue = $each where conversion_id in "
                "(select conversion_id from marts.conversion_touchpoints where channel = $first)",
                {"each": each, "first": path[0]},
            )
        registered = [*MODELS, "last_non_direct", "time_decay", "markov", "shapley"]
        give_credit(connection, sql, registered)
        connection.execute(f"create view marts.given_back as {sql['given_back']}")
        found: dict[str, dict[str, float]] = {}
        for model, channel, revenue in connection.execute(
            "select attribution_model, channel, cast(sum(attributed_revenue) as double) "
            f"from ({sql['attributed_conversions']}) group by all having sum(attributed_revenue) > 0"
        ).fetchall():
            found.setdefault(model, {})[channel] = revenue
        assert found.keys() == set(registered)
        # to the cent
        assert {round(sum(of_model.values()), 2) for of_model in found.values()} == {described["revenue"].sum()}
        theirs = {
            "first_touch": in_money.run_first_click(),
            "last_touch": in_money.run_last_click(),
            "linear": in_money.run_linear(),
            "position_based": in_money.run_position_based(),
        }
        for model, result in theirs.items():
            expected = {channel: credit for channel, credit in attribution(result).items() if credit}
            # cents of 200 orders
            assert found[model] == pytest.approx(expected, abs=1.0)
        effects = dict(connection.execute("select state, removal_effect from marts.markov_effects").fetchall())
        removed = in_orders.run_markov(transition_to_same_state=True).metadata["removal_effect"]
        assert effects == pytest.approx(removed["removal_effect"].to_dict(), abs=1e-9)
        expected = {channel: credit for channel, credit in attribution(in_orders.run_shapley()).items() if credit}
        assert credit_by_state(connection, "shapley") == pytest.approx(expected, abs=1e-3)
