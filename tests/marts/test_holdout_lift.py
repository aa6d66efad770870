"""The mart's lift against what the simulated shop truly adds: its intervals hold the truth as often as they say."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from dagster_project.home import Home
from dagster_project.ticks.transform import run_dbt
from dagster_project.warehouse import open_warehouse
from data.simulator import Shop
from data.simulator.answers import Answers, Message

EFFECTS = {"welcome_first_order": 0.9}
PEOPLE = 1_200
SEEDS = range(1, 25)
HELD_OUT = 0.4
MOMENT = "timestamp '2026-03-02' as reached_at"
# 95 in 100 intervals hold the truth; with 24 of them, fewer than 20 in one case of a hundred
ENOUGH = 20


@dataclass(frozen=True)
class Trial:
    """A workflow with a holdout: who is in it, what they did, and what treating a person truly adds."""

    entered: pl.DataFrame
    goals: pl.DataFrame
    true_lift: float
    true_revenue_lift: float


def run_trial(seed: int) -> Trial:
    """Everybody's answer to a message is known; only that of the treated happens.

    Beside it people buy of themselves, each with a chance of their own.
    """
    shop = Shop(seed=seed, contacts=PEOPLE, start=datetime(2026, 3, 2), days=14)
    answers = Answers(shop, EFFECTS)
    # an address of each person's own, so that each message is one person's
    messages = [
        Message(f"<{person}.hourbell@x>", email, "welcome_first_order", "welcome_series", "offers", shop.start)
        for person, email in enumerate(answers.people.emails[0])
    ]
    landed = answers.answer(messages)
    worth = landed["orders"].filter(pl.col("status") == "placed").select("order_id", "total")
    answer = answers.truth().join(worth, on="order_id", how="left", maintain_order="left")
    added = answer["added_chance_to_buy"].to_numpy()
    mean_worth = float(worth["total"].cast(pl.Float64).mean())  # type: ignore[arg-type]

    chance = np.random.default_rng(seed)
    of_themselves = np.clip(answers.people.traits.buy_propensity * 0.2, 0, 1)
    buys = chance.random(PEOPLE) < of_themselves
    treated = chance.random(PEOPLE) >= HELD_OUT
    entered = pl.DataFrame(
        {
            "enrollment_id": np.arange(PEOPLE),
            "contact_id": np.arange(PEOPLE),
            "assignment": np.where(treated, "treated", "holdout"),
        }
    )
    own = pl.DataFrame(
        {
            "enrollment_id": np.flatnonzero(buys),
            "conversion_id": [f"own-{person}" for person in np.flatnonzero(buys)],
            "revenue": np.round(chance.lognormal(3.4, 0.6, int(buys.sum())), 2),
        }
    )
    of_messages = (
        answer.with_columns(enrollment_id=pl.Series(np.arange(PEOPLE)), treated=pl.Series(treated))
        .filter(pl.col("treated") & pl.col("order_id").is_not_null())
        .select("enrollment_id", conversion_id="order_id", revenue=pl.col("total").cast(pl.Float64))
    )
    return Trial(
        entered,
        pl.concat([own, of_messages]),
        true_lift=float((added * (1 - of_themselves)).mean()),
        true_revenue_lift=float(added.mean()) * mean_worth,
    )


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SQL of the marts."""
    home = Home(tmp_path_factory.mktemp("lift")).prepare()
    compiled = run_dbt(home, ["compile", "--select", "holdout_lift", "revenue_lift"])
    return {result.node.name: str(result.node.compiled_code) for result in compiled.results}


@pytest.fixture(scope="module")
def mart(marts: dict[str, str]) -> str:
    return marts["holdout_lift"]


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return [run_trial(seed) for seed in SEEDS]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(Home(tmp_path).prepare()) as connection:
        connection.execute("create schema decisions")
        connection.execute("create schema contacts")
        connection.execute("create schema marts")
        connection.execute(
            "create table contacts.contact_merges (contact_id bigint, into_contact_id bigint, merged_at timestamp)"
        )
        # nobody is in the global holdout here, so that everybody's true effect counts; and nothing was given back
        connection.execute("create table contacts.global_assignments (contact_id bigint, assignment varchar)")
        connection.execute("create table marts.given_back (conversion_id varchar, amount double)")
        connection.execute("create table marts.ticks as select timestamp '2026-04-01' as tick_end")
        yield connection


def take_in(connection: duckdb.DuckDBPyConnection, trial: Trial) -> None:
    entered, goals = trial.entered.to_arrow(), trial.goals.to_arrow()
    for table, frame, columns in (
        (
            "arrivals",
            entered,
            f"'welcome_series' as workflow, 'entered' as step, {HELD_OUT} as holdout_share, {MOMENT}, "
            "null::varchar as step_assignment",
        ),
        ("exits", goals, "'welcome_series' as workflow, 'converted' as reason, timestamp '2026-03-03' as exited_at"),
    ):
        connection.register("given", frame)
        connection.execute(f"create or replace table decisions.{table} as select *, {columns} from given")
    connection.execute(
        "create or replace table contacts.orders as select conversion_id as order_id, 'placed' as status, "
        "'GBP' as currency, exited_at as effective_at from decisions.exits"
    )


def told(connection: duckdb.DuckDBPyConnection, mart: str) -> dict[str, float]:
    """The one row of a mart."""
    found = connection.execute(mart)
    names = [column[0] for column in found.description or []]
    (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


def coverage(
    connection: duckdb.DuckDBPyConnection,
    marts: dict[str, str],
    trials: list[Trial],
    change: Callable[[str], str] = str,
) -> tuple[int, int]:
    """In how many trials the interval holds the true lift, of conversions and of revenue."""
    conversions = revenue = 0
    for trial in trials:
        take_in(connection, trial)
        found = told(connection, change(marts["holdout_lift"]))
        conversions += found["conversion_lift_low"] <= trial.true_lift <= found["conversion_lift_high"]
        found = told(connection, marts["revenue_lift"])
        revenue += found["revenue_lift_low"] <= trial.true_revenue_lift <= found["revenue_lift_high"]
    return conversions, revenue


def test_the_intervals_hold_the_true_effect(
    warehouse: duckdb.DuckDBPyConnection, marts: dict[str, str], trials: list[Trial]
) -> None:
    conversions, revenue = coverage(warehouse, marts, trials)
    assert conversions >= ENOUGH
    assert revenue >= ENOUGH
    assert np.mean([trial.true_lift for trial in trials]) > 0.1
    take_in(warehouse, trials[0])
    found = told(warehouse, marts["holdout_lift"])
    assert found["is_conclusive"]
    assert found["treated"] + found["held_out"] == PEOPLE


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        # held out people count as treated
        ("(assignment = 'treated')", "(assignment in ('treated', 'holdout'))"),
        # the sides are taken for each other
        ("(assignment = 'holdout')", "(assignment <> 'holdout')"),
        # only those who bought are counted
        ("left join goals on", "inner join goals on"),
    ],
)
def test_a_mart_that_confuses_the_two_sides_is_caught(
    warehouse: duckdb.DuckDBPyConnection, marts: dict[str, str], trials: list[Trial], right: str, wrong: str
) -> None:
    assert right in marts["holdout_lift"]
    assert coverage(warehouse, marts, trials, lambda sql: sql.replace(right, wrong))[0] < ENOUGH


def test_the_interval_is_that_of_newcombes_paper(warehouse: duckdb.DuckDBPyConnection, mart: str) -> None:
    """56 of 70 and 48 of 80: 0.0524 to 0.3339 by method 10."""
    people = np.arange(150)
    buyers = np.concatenate([np.arange(56), np.arange(70, 118)])
    trial = Trial(
        pl.DataFrame(
            {
                "enrollment_id": people,
                "contact_id": people,
                "assignment": np.where(people < 70, "treated", "holdout"),
            }
        ),
        pl.DataFrame(
            {"enrollment_id": buyers, "conversion_id": [f"o{buyer}" for buyer in buyers], "revenue": buyers * 1.0}
        ),
        0,
        0,
    )
    take_in(warehouse, trial)
    found = told(warehouse, mart)
    assert found["conversion_lift_low"] == pytest.approx(0.0524, abs=0.00005)
    assert found["conversion_lift_high"] == pytest.approx(0.3339, abs=0.00005)
