"""The statistics against scipy, and intervals that hold the truth as often as they say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy import stats

from data.simulator import Shop
from data.simulator.answers import Answers, Message

RUNS = 1_500
PEOPLE = 400


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def test_tails_are_those_of_scipy(connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str]) -> None:
    chance = np.random.default_rng(1)
    given = pl.DataFrame(
        {
            "number": chance.uniform(0, 25, 500),
            "freedom": chance.integers(1, 10, 500),
            "people": chance.integers(100, 1_000, 500),
        }
    ).with_columns(expected=pl.col("people") * 0.2)
    given = given.with_columns(held_out=pl.Series(chance.binomial(given["people"].to_numpy(), 0.2)))
    connection.register("given", given.to_arrow())
    found = connection.execute(questions["tails"]).pl()
    np.testing.assert_allclose(found["normal"], stats.norm.sf(found["number"]), atol=1e-7)
    np.testing.assert_allclose(found["chi_square"], stats.chi2.sf(found["number"], found["freedom"]), atol=2e-7)
    expected = [
        stats.chisquare([held_out, people - held_out], [should, people - should]).pvalue
        for held_out, people, should in given.select("held_out", "people", "expected").iter_rows()
    ]
    np.testing.assert_allclose(found["ratio_p"], expected, atol=2e-7)


def made(seed: int, *, correlation: float = 0.7) -> pl.DataFrame:
    """People of many runs, before and after: the treated truly spend 4 more, and 6 in 100 more of them buy."""
    chance = np.random.default_rng(seed)
    shape = (RUNS, PEOPLE)
    treated = chance.random(shape) < 0.6
    before = chance.gamma(2.0, 10.0, shape)
    outcome = correlation * before + chance.gamma(2.0, 8.0, shape) + 4 * treated
    return pl.DataFrame(
        {
            "run": np.repeat(np.arange(RUNS), PEOPLE),
            "contact_id": np.tile(np.arange(PEOPLE), RUNS),
            "assignment": np.where(treated, "treated", "holdout").ravel(),
            "holdout_share": np.full(treated.size, 0.4),
            "before": before.ravel(),
            "outcome": outcome.ravel(),
            "buys": (chance.random(shape) < np.where(treated, 0.18, 0.12)).ravel(),
        }
    )


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    return made(seed=2)


def covered(low: pl.Series, high: pl.Series, truth: float) -> float:
    return float(((low <= truth) & (truth <= high)).mean())


def test_plain_and_adjusted_intervals_hold_the_true_lift(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], people: pl.DataFrame
) -> None:
    connection.register("measured", people.to_arrow())
    found = connection.execute(questions["adjusted"]).pl().sort("run")
    assert found.height == RUNS
    plain = covered(found["lift"] - found["margin"], found["lift"] + found["margin"], 4)
    adjusted = covered(
        found["adjusted_lift"] - found["adjusted_margin"], found["adjusted_lift"] + found["adjusted_margin"], 4
    )
    assert 0.93 <= plain <= 0.97
    assert 0.93 <= adjusted <= 0.97
    # what went with the past is gone: 0.49 * 200 of 0.49 * 200 + 128
    assert found["variance_reduction"].mean() == pytest.approx(98 / 226, abs=0.02)
    assert found["theta"].mean() == pytest.approx(0.7, abs=0.01)
    assert (found["adjusted_margin"] / found["margin"]).mean() == pytest.approx((128 / 226) ** 0.5, abs=0.02)


def test_the_plain_interval_is_welchs(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], people: pl.DataFrame
) -> None:
    connection.register("measured", people.filter(pl.col("run") < 20).to_arrow())
    found = connection.execute(questions["adjusted"]).pl().sort("run")
    for run, lift, margin in found.select("run", "lift", "margin").iter_rows():
        of_run = people.filter(pl.col("run") == run)
        sides = [of_run.filter(pl.col("assignment") == side)["outcome"] for side in ("treated", "holdout")]
        welch = stats.ttest_ind(*sides, equal_var=False).confidence_interval(0.95)
        assert (lift - margin, lift + margin) == pytest.approx(tuple(welch), abs=1e-3)


def test_without_history_there_is_nothing_to_adjust_by(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], people: pl.DataFrame
) -> None:
    strangers = people.filter(pl.col("run") == 0).with_columns(before=pl.lit(0.0))
    connection.register("measured", strangers.to_arrow())
    (row,) = connection.execute(questions["adjusted"]).pl().to_dicts()
    assert row["margin"] > 0
    assert row["theta"] is row["adjusted_lift"] is row["variance_reduction"] is None


def ask_lift(connection: duckdb.DuckDBPyConnection, sql: str, people: pl.DataFrame) -> pl.DataFrame:
    everybody = people.select(
        "run",
        "contact_id",
        "assignment",
        "holdout_share",
        is_mixed=pl.lit(False),
        assigned_at=pl.lit(datetime(2026, 3, 2)),
    )
    buyers = people.filter(pl.col("buys"))
    goals = buyers.select("run", "contact_id", conversion_id=pl.format("o{}", "contact_id"), revenue=pl.col("outcome"))
    connection.register("everybody", everybody.to_arrow())
    connection.register("goals", goals.to_arrow())
    return connection.execute(sql).pl().sort("run")


def ask_money(connection: duckdb.DuckDBPyConnection, sql: str, people: pl.DataFrame) -> pl.DataFrame:
    connection.register("people", people.to_arrow())
    connection.register("earned", people.filter("buys").select("run", "contact_id", revenue="outcome").to_arrow())
    return connection.execute(sql).pl().sort("run")


def test_differences_and_ratios_hold_the_truth(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], people: pl.DataFrame
) -> None:
    found = ask_lift(connection, questions["lift"], people)
    money = ask_money(connection, questions["in money"], people)
    assert found.height == money.height == RUNS
    # what a buyer spends, by side: 0.7 * 20 + 16, and 4 more
    worth, held_out_worth = 0.18 * 34, 0.12 * 30
    for name, truth in (
        ("conversion_lift", 0.06),
        ("conversion_ratio", 1.5),
        ("revenue_lift", worth - held_out_worth),
        ("revenue_ratio", worth / held_out_worth),
    ):
        told = found if name.startswith("conversion") else money
        assert 0.93 <= covered(told[f"{name}_low"], told[f"{name}_high"], truth) <= 0.97, name
    # people were divided by what was logged
    assert found["is_unevenly_divided"].mean() < 0.005
    # what could be seen in four of five cases is seen about so often; more so, since rare conversions vary less
    again = made(seed=3)
    seen = float(found["smallest_conversion_lift"].mean())
    chance = np.random.default_rng(4)
    treated = (again["assignment"] == "treated").to_numpy()
    buys = chance.random(len(treated)) < np.where(treated, 0.15 + 0.4 * seen, 0.15 - 0.6 * seen)
    shown = ask_lift(connection, questions["lift"], again.with_columns(buys=buys))
    power = ((shown["conversion_lift_low"] > 0) | (shown["conversion_lift_high"] < 0)).mean()
    assert 0.78 <= power <= 0.88


def test_power_is_how_often_a_lift_worth_seeing_is_seen(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], people: pl.DataFrame
) -> None:
    chance = np.random.default_rng(5)
    treated = (people["assignment"] == "treated").to_numpy()
    # a tenth of what the held out do
    buys = chance.random(len(treated)) < np.where(treated, 0.66, 0.6)
    shown = ask_lift(connection, questions["lift"], people.with_columns(buys=buys))
    seen = ((shown["conversion_lift_low"] > 0) | (shown["conversion_lift_high"] < 0)).mean()
    assert shown["conversion_power"].mean() == pytest.approx(seen, abs=0.03)
    assert 0.15 < shown["conversion_power"].mean() < 0.3  # type: ignore[operator]
    # and of many more people, surely
    everybody = people.with_columns(buys=pl.lit(True), run=pl.lit(1), contact_id=pl.int_range(pl.len()))
    money = ask_money(connection, questions["in money"], everybody)
    for told, worth, power, smallest in (
        (shown, shown["held_out_conversion_rate"], "conversion_power", "smallest_conversion_lift"),
        (money, money["held_out_revenue_per_person"], "revenue_power", "smallest_revenue_lift"),
    ):
        far = 0.1 * worth / (told[smallest] / (stats.norm.isf(0.025) + stats.norm.isf(0.2)))
        expected = stats.norm.cdf(far - stats.norm.isf(0.025)) + stats.norm.cdf(-far - stats.norm.isf(0.025))
        np.testing.assert_allclose(told[power], expected, atol=1e-6)
    assert money["revenue_power"].item() > 0.99


@dataclass(frozen=True)
class Simulated:
    """People of many runs, each drawn from a simulated shop and then for a side, and what its message truly does on
    average: to whether they buy, and to what they spend."""

    people: pl.DataFrame
    lift: float
    revenue: float


def simulated(effect: float, seed: int) -> Simulated:
    """Everybody's answer is the simulator's: who buys because of the message and for how much, and whom it keeps from
    an order that they would have placed. What they buy of themselves goes with how likely they are to buy."""
    shop = Shop(seed=seed, contacts=3_000, start=datetime(2026, 3, 2), days=14)
    answers = Answers(shop, {"welcome_first_order": effect})
    messages = [
        Message(f"<{person}.hourbell@x>", email, "welcome_first_order", "welcome_series", "offers", shop.start)
        for person, email in enumerate(answers.people.emails[0])
    ]
    landed = answers.answer(messages)
    schema = {"order_id": pl.String, "total": pl.Float64}
    orders = (
        landed["orders"].filter(pl.col("status") == "placed") if "orders" in landed else pl.DataFrame(schema=schema)
    )
    worth = orders.select("order_id", pl.col("total").cast(pl.Float64))
    answered = answers.truth().join(worth, on="order_id", how="left", maintain_order="left")
    brought = answered["total"].fill_null(0).to_numpy()

    chance = np.random.default_rng(seed)
    alone = np.clip(answers.people.traits.buy_propensity * 0.2, 0, 1)
    own = np.where(chance.random(shop.contacts) < alone, chance.lognormal(3.4, 0.6, shop.contacts), 0.0)
    kept_away = chance.random(shop.contacts) < answered["chance_to_keep_away"].to_numpy()
    spent = {"holdout": own, "treated": np.where(kept_away, 0.0, own) + brought}

    person = chance.integers(0, shop.contacts, (RUNS, PEOPLE))
    treated = chance.random(person.shape) < 0.6
    outcome = np.where(treated, spent["treated"][person], spent["holdout"][person])
    people = pl.DataFrame(
        {
            "run": np.repeat(np.arange(RUNS), PEOPLE),
            "contact_id": np.tile(np.arange(PEOPLE), RUNS),
            "assignment": np.where(treated, "treated", "holdout").ravel(),
            "holdout_share": np.full(treated.size, 0.4),
            "before": (chance.poisson(8 * alone) * 30.0)[person].ravel(),
            "outcome": outcome.ravel(),
            "buys": (outcome > 0).ravel(),
        }
    )
    lift = (spent["treated"] > 0).mean() - (spent["holdout"] > 0).mean()
    return Simulated(people, float(lift), float((spent["treated"] - spent["holdout"]).mean()))


@pytest.mark.parametrize("effect", [0.9, -0.9])
def test_intervals_hold_what_a_message_truly_does_in_the_simulated_shop(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], effect: float
) -> None:
    of_shop = simulated(effect, seed=5)
    assert abs(of_shop.lift) > 0.005
    assert (of_shop.lift > 0) == (effect > 0)
    found = ask_lift(connection, questions["lift"], of_shop.people)
    assert 0.93 <= covered(found["conversion_lift_low"], found["conversion_lift_high"], of_shop.lift) <= 0.97
    money = ask_money(connection, questions["in money"], of_shop.people)
    assert 0.93 <= covered(money["revenue_lift_low"], money["revenue_lift_high"], of_shop.revenue) <= 0.97
    connection.register("measured", of_shop.people.to_arrow())
    adjusted = connection.execute(questions["adjusted"]).pl()
    low = adjusted["adjusted_lift"] - adjusted["adjusted_margin"]
    high = adjusted["adjusted_lift"] + adjusted["adjusted_margin"]
    assert 0.93 <= covered(low, high, of_shop.revenue) <= 0.97


@pytest.fixture
def warehouse(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Nobody has come yet, and nothing was given back or paid for."""
    connection.execute("attach ':memory:' as hourbell")
    connection.execute("use hourbell")
    for schema in ("contacts", "decisions", "marts"):
        connection.execute(f"create schema {schema}")
    connection.execute(
        f"""
        create table contacts.contact_profiles as select cast(range as bigint) as contact_id from range({PEOPLE});
        create table contacts.contact_merges (contact_id bigint, into_contact_id bigint, merged_at timestamp);
        create table contacts.global_assignments (contact_id bigint, assignment varchar, holdout_share double);
        create table marts.ticks as select timestamp '2026-04-01' as tick_end;
        create table decisions.decisions as select timestamp '2026-03-01' as tick_end;
        create table marts.given_back (conversion_id varchar, amount decimal(18, 2));
        create table marts.workflow_roi as
        select date '2026-03-01' as month, 'none' as workflow, 'none' as currency,
            0.0 as revenue, 0.0 as tool_cost, 0.0 as time_cost, 0.0 as total_cost
        limit 0;
        """
    )
    return connection


def spend(connection: duckdb.DuckDBPyConnection, treated: np.ndarray) -> None:
    """Fill `given` with what people spend, each run in a currency of its own: of the held out three in ten spend, of
    the treated four in ten, and each of them some 40."""
    chance = np.random.default_rng(6)
    run, person = np.nonzero(chance.random((RUNS, PEOPLE)) < np.where(treated, 0.4, 0.3))
    given = pl.DataFrame(
        {
            "conversion_id": np.arange(len(run)),
            "contact_id": person,
            "currency": run,
            "converted_at": [datetime(2026, 3, 5)] * len(run),
            "revenue": chance.gamma(4.0, 10.0, len(run)),
        }
    ).with_columns(pl.col("conversion_id", "currency").cast(pl.String))
    connection.register("given", given.to_arrow())


def test_what_all_marketing_adds_is_held_by_its_intervals(
    warehouse: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    treated = np.random.default_rng(8).random(PEOPLE) < 0.6
    sides = pl.DataFrame({"contact_id": np.arange(PEOPLE), "assignment": np.where(treated, "treated", "holdout")})
    warehouse.register("sides", sides.to_arrow())
    warehouse.execute("insert into contacts.global_assignments select *, 0.4 from sides")
    spend(warehouse, treated)
    warehouse.execute("create table marts.conversions as from given")
    found = warehouse.execute(questions["marketing"]).pl().filter(pl.col("month").is_null())
    assert found.height == RUNS
    assert 0.93 <= covered(found["revenue_lift_low"], found["revenue_lift_high"], 4) <= 0.97
    assert 0.93 <= covered(found["revenue_ratio_low"], found["revenue_ratio_high"], 4 / 3) <= 0.97
    assert not found["is_unevenly_divided"].any()
    # what one person spends varies by some 22.5
    sizes = 1 / found["treated"][0] + 1 / found["held_out"][0]
    assert found["smallest_revenue_lift"].mean() == pytest.approx(2.8 * 22.5 * sizes**0.5, rel=0.03)


def test_what_a_workflow_adds_in_a_month_is_held_by_its_intervals(
    warehouse: duckdb.DuckDBPyConnection, questions: Mapping[str, str]
) -> None:
    treated = np.random.default_rng(7).random(PEOPLE) < 0.6
    spend(warehouse, treated)
    sides = pl.DataFrame({"contact_id": np.arange(PEOPLE), "side": np.where(treated, "treated", "holdout")})
    warehouse.register("sides", sides.to_arrow())
    warehouse.execute(
        """
        create table decisions.arrivals as
        select 'w' as workflow, 'entered' as step, contact_id, contact_id as enrollment_id, side as assignment,
            0.4::double as holdout_share, timestamp '2026-03-02' as reached_at
        from sides;
        create table decisions.exits as
        select 'w' as workflow, 'converted' as reason, contact_id as enrollment_id, conversion_id, revenue,
            converted_at as exited_at
        from given;
        create table contacts.orders as
        select conversion_id as order_id, 'placed' as status, currency, converted_at as effective_at from given;
        """
    )
    found = warehouse.execute(questions["incremental"]).pl()
    assert found.height == RUNS
    low, high = found["incremental_revenue_low"], found["incremental_revenue_high"]
    assert 0.93 <= covered(low, high, 4 * found["treated"][0]) <= 0.97


def test_a_division_that_is_not_by_chance_is_flagged(
    connection: duckdb.DuckDBPyConnection, questions: Mapping[str, str], people: pl.DataFrame
) -> None:
    """Of the held out, three in ten are lost."""
    kept = people.filter((pl.col("assignment") == "treated") | (pl.col("contact_id") % 10 > 2))
    found = ask_lift(connection, questions["lift"], kept)
    assert found["is_unevenly_divided"].mean() > 0.4
    assert (found["sample_ratio_p"] < 0.05).mean() > 0.85
