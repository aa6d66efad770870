"""Whether the score tells what people do next: those of the simulated shop, at a midnight and two weeks later."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from dagster_project.home import Home
from dagster_project.ticks.statements import Statement
from dagster_project.warehouse import open_warehouse
from data.simulator import Shop
from data.simulator.answers import Answers, Message
from data.simulator.simulate import Life

SHOP = Shop(seed=5, contacts=1_000, start=datetime(2026, 3, 2), days=28)
HORIZON = timedelta(days=14)
MIDNIGHT = SHOP.end
REPORTS = {
    "Email Opened": "opened",
    "Email Link Clicked": "clicked",
    "Unsubscribed": "unsubscribed",
    "Email Marked as Spam": "complained",
    "Email Bounced": "bounced",
}
KEYS = ("user_id", "email", "anonymous_id")


@dataclass(frozen=True)
class Lived:
    """What is known of each person: `contact_id` is their place among the people."""

    known: pl.DataFrame
    orders: pl.DataFrame
    days: pl.DataFrame
    answers: pl.DataFrame


def known(folder: Path, table: str) -> pl.DataFrame:
    """The rows of a table with whose they are, which the truth tells; rows that were spoilt on purpose are left out."""
    rows = pl.concat([pl.read_parquet(file) for file in sorted((folder / table).glob("*.parquet"))])
    owned = pl.read_parquet(folder / "truth" / "identifiers.parquet").filter(~pl.col("is_shared").fill_null(False))
    for key in KEYS:
        owners = owned.filter(pl.col("kind") == key).unique("value").select(pl.col("value").alias(key), "person_id")
        rows = rows.join(owners.rename({"person_id": f"by_{key}"}), on=key, how="left")
    return (
        rows.with_columns(person=pl.coalesce(f"by_{key}" for key in KEYS))
        .filter(pl.col("person").is_not_null())
        .with_columns(
            contact_id=pl.col("person").str.strip_prefix("person-").cast(pl.Int64),
            occurred_at=pl.col("occurred_at").cast(pl.Datetime("us"), strict=False),
            known_at=pl.max_horizontal(
                pl.col(name).cast(pl.Datetime("us"), strict=False) for name in ("occurred_at", "loaded_at")
            ),
        )
        .filter(pl.col("occurred_at").is_not_null())
        .sort("known_at")
    )


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Four weeks, in which everybody who agreed to offers gets one every six days, and answers."""
    folder = tmp_path_factory.mktemp("shop")
    life = Life(SHOP, folder)
    answers = Answers(SHOP, people=life.people)
    for day in range(SHOP.days):
        life.live(answers.reluctance.kept_away)
        if day % 6 == 0:
            at = SHOP.start + timedelta(days=day + 1, hours=9)
            messages = [
                Message(
                    f"<{day}{person:06}.hourbell@x>", life.people.emails[1][person], "cart_reminder", "a", "offers", at
                )
                for person in np.flatnonzero(life.people.offers).tolist()
            ]
            for table, rows in answers.answer(messages).items():
                life.landing.add(table, rows)
    life.close()
    events, orders = known(folder, "events"), known(folder, "orders")
    reports = events.filter(pl.col("event").is_in(list(REPORTS)))
    machine = pl.col("properties").str.json_path_match("$.machine_open") == "true"
    seen = pl.read_parquet(folder / "truth" / "identifiers.parquet").filter(~pl.col("is_shared").fill_null(False))
    return Lived(
        seen.filter(pl.col("first_seen_at").is_not_null())
        .with_columns(contact_id=pl.col("person_id").str.strip_prefix("person-").cast(pl.Int64))
        .group_by("contact_id")
        .agg(valid_from=pl.col("first_seen_at").min()),
        orders.unique(["order_id", "status"], keep="first").select(
            "contact_id", "order_id", "status", "occurred_at", effective_at="known_at"
        ),
        events.filter(pl.col("type").is_in(["track", "page", "screen"]) & ~pl.col("event").is_in(list(REPORTS)))
        .unique(["contact_id", pl.col("occurred_at").dt.date()], keep="first")
        .select(
            "contact_id", "occurred_at", kind=pl.lit("site"), active_on=pl.col("occurred_at").dt.date(),
            effective_at="known_at",
        ),
        reports.filter(~machine.fill_null(False))
        .with_columns(kind=pl.col("event").replace_strict(REPORTS))
        .unique([pl.col("properties").str.json_path_match("$.email_id"), "kind"], keep="first")
        .select("contact_id", "kind", "occurred_at", "known_at"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def sql(compiled: tuple[Home, list[Statement]]) -> list[str]:
    """What the marts ask at a midnight, with a horizon of two weeks."""
    by_name = {one.model: one for one in compiled[1]}
    (writes,) = by_name["score_calibration"].sql[1:]
    assert "interval '30 days'" in writes
    return [*by_name["midnights"].sql, writes.replace("interval '30 days'", f"interval '{HORIZON.days} days'")]


@pytest.fixture
def warehouse(
    compiled: tuple[Home, list[Statement]], lived: Lived, tmp_path: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    home = Home(tmp_path).prepare()
    shutil.copyfile(compiled[0].warehouse, home.warehouse)
    with open_warehouse(home) as connection:
        for table, rows in (
            ("contacts.contact_profile_versions", lived.known),
            ("contacts.orders", lived.orders),
            ("contacts.contact_activity_days", lived.days),
            ("marts.message_engagement", lived.answers),
        ):
            connection.register("given", rows.to_arrow())
            connection.execute(f"delete from {table}")
            connection.execute(f"insert into {table} by name select * from given")
        connection.execute(f"set variable tick_start = timestamp '{MIDNIGHT - timedelta(hours=1)}'")
        connection.execute(f"set variable tick_end = timestamp '{MIDNIGHT + timedelta(hours=1)}'")
        yield connection


def order_rates(connection: duckdb.DuckDBPyConnection, sql: Sequence[str]) -> list[float]:
    """By level, the lowest first: the share who ordered within the horizon. Levels of a handful say nothing."""
    for statement in sql:
        connection.execute(statement)
    found = connection.execute(
        "select order_rate from marts.score_calibration where contacts >= 50 and at_least is not null order by at_least"
    ).fetchall()
    return [rate for (rate,) in found]


def test_the_higher_the_level_the_more_of_them_order(warehouse: duckdb.DuckDBPyConnection, sql: list[str]) -> None:
    cold, warm, hot = order_rates(warehouse, sql)
    assert cold < warm < hot
    assert hot > 2 * cold
    told = warehouse.execute(
        "select sum(contacts), sum(ordered), any_value(base_rate), max(lift) from marts.score_calibration"
    ).fetchall()
    ((contacts, ordered, base, best),) = told
    assert ordered / contacts == pytest.approx(base)
    assert best == pytest.approx(hot / base)


def test_who_was_known_and_has_no_points_is_counted_as_well(
    warehouse: duckdb.DuckDBPyConnection, sql: list[str], lived: Lived
) -> None:
    order_rates(warehouse, sql)
    levels = warehouse.execute("select level, contacts, ordered from marts.score_calibration").fetchall()
    told = {level: counted for level, *counted in levels}
    known = lived.known.filter(pl.col("valid_from") < MIDNIGHT - HORIZON)["contact_id"]
    ((contacts, ordered, scored),) = warehouse.execute(
        "with scored as (select distinct contact_id from marts.engagement_points where known_at < $at), "
        "silent as (select unnest($known::bigint[]) as contact_id except from scored) "
        "select count(*), count(ordered.contact_id), (select count(*) from scored) "
        "from silent left join (select distinct contact_id from contacts.orders "
        "where status = 'placed' and effective_at >= $at and effective_at < $end) as ordered using (contact_id)",
        {"known": known.to_list(), "at": MIDNIGHT - HORIZON, "end": MIDNIGHT},
    ).fetchall()
    assert [contacts, ordered] == told["no points"]
    assert contacts > 20
    assert contacts + scored == sum(people for people, _ in told.values()) >= len(known)


def test_the_higher_the_score_the_more_of_them_order(warehouse: duckdb.DuckDBPyConnection, sql: list[str]) -> None:
    """By fifths of all who have a score, in the place of the levels, as far as some hundred people can tell."""
    connection = warehouse
    connection.execute(
        "create or replace temp table points as select points.contact_id, sum(weights.weight * pow(0.5, "
        f"epoch(timestamp '{MIDNIGHT - HORIZON}' - points.occurred_at) / (weights.half_life_days * 86400))) as score "
        "from marts.engagement_points as points inner join configuration.engagement_weights as weights using (kind) "
        f"where points.known_at < timestamp '{MIDNIGHT - HORIZON}' group by points.contact_id"
    )
    bounds = connection.execute("select unnest(quantile_cont(score, [0.2, 0.4, 0.6, 0.8])) from points").fetchall()
    connection.execute("delete from configuration.engagement_levels")
    for number, bound in enumerate([-1e6, *(bound for (bound,) in bounds)]):
        connection.execute("insert into configuration.engagement_levels values (?, ?)", [f"fifth {number}", bound])
    rates = order_rates(connection, sql)
    assert len(rates) == 5
    for lower, higher in pairwise(rates):
        assert higher > lower - 2 * (2 * lower * (1 - lower) / (SHOP.contacts / 5)) ** 0.5
    assert rates[-1] > 3 * rates[0]


def test_orders_that_fade_too_slowly_are_caught(warehouse: duckdb.DuckDBPyConnection, sql: list[str]) -> None:
    """The mutant: with ninety days instead of thirty, who has lapsed is warm."""
    warehouse.execute(
        "update configuration.engagement_weights set half_life_days = 90 where kind in ('ordered', 'given back')"
    )
    rates = order_rates(warehouse, sql)
    assert rates != sorted(rates)
