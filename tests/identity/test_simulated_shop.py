"""Contacts against a simulated shop's own truth of who is who."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from identity_reference import grouped, pairs_within
from resolver import Resolver

from dagster_project.landing.addresses import normal_email, normal_phone
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse
from data.contract import tables
from data.simulator import Shop, simulate

log = logging.getLogger(__name__)

SHOP = Shop(seed=5, contacts=2_500, start=datetime(2026, 3, 2), days=14)
HISTORY = Window(datetime(2025, 1, 1), SHOP.start)
PERIOD = Window(SHOP.start, SHOP.end)
NAMING = ("contacts", "events", "orders", "consents")
KINDS = ("user_id", "email", "phone", "anonymous_id")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lived") / "shop"
    simulate(SHOP, out)
    return out


def land(connection: duckdb.DuckDBPyConnection, out: Path) -> None:
    """The rows as they are after the gate: without broken ones, with addresses and numbers normalised."""
    broken = pl.read_parquet(out / "truth" / "broken_rows.parquet").select("file", pl.col("row").cast(pl.UInt32))
    for table in (table for table in tables() if table.name in NAMING):
        frames = [
            pl.read_parquet(file).with_row_index("row").with_columns(file=pl.lit(f"{table.name}/{file.name}"))
            for file in sorted((out / table.name).glob("*.parquet"))
        ]
        rows = pl.concat(frames).join(broken, on=["file", "row"], how="anti")
        emails = {email: normal_email(email) for email in rows["email"].unique()}
        rows = rows.with_columns(
            pl.col("email").replace_strict(emails, return_dtype=pl.String),
            effective_at=pl.max_horizontal("occurred_at", "loaded_at"),
        )
        if "country" in rows.columns:
            regions = rows.select("phone", "country").unique().rows()
            phones = {(phone, region): normal_phone(phone, region) for phone, region in regions}
            rows = rows.with_columns(
                phone=pl.Series([phones[key] for key in rows.select("phone", "country").iter_rows()], dtype=pl.String)
            )
        landed = rows.sort("effective_at").drop("row", "file")
        connection.execute(f"delete from raw.{table.name}")
        connection.register("landed", landed.to_arrow())
        connection.execute(f"insert into raw.{table.name} by name select * from landed")
        connection.unregister("landed")


def contacts_of(
    resolver: Resolver, out: Path, change: Callable[[str], str] = lambda sql: sql
) -> tuple[dict[str, int], set[str]]:
    """The contact of each identifier in the end, and the identifiers that ever stood beside another in a row."""
    with open_warehouse(resolver.home) as connection:
        resolver.forget(connection)
        land(connection, out)
        resolver.run(connection, [HISTORY, PERIOD], change)
        contact_of = connection.execute(
            "select identifier_type || ' ' || identifier_value, max_by(contact_id, valid_from)"
            " from contacts.identity_map join contacts.identifiers using (identifier_id) group by all"
        ).fetchall()
        seen_together = [
            f"select user_id, lower(email), phone, {'anonymous_id' if table in ('events', 'orders') else 'null'}"
            f" from raw.{table}"
            for table in NAMING
        ]
        witnessed = set()
        for row in connection.execute(" union ".join(seen_together)).fetchall():
            names = [f"{kind} {value}" for kind, value in zip(KINDS, row, strict=True) if value]
            witnessed |= set(names) if len(names) > 1 else set()
    return dict(contact_of), witnessed


def owners(out: Path) -> Mapping[str, set[str]]:
    """Whose each identifier is; some are several people's."""
    whose: dict[str, set[str]] = {}
    known = pl.read_parquet(out / "truth" / "identifiers.parquet").filter(pl.col("first_seen_at").is_not_null())
    for person, kind, value in known.select("person_id", "kind", "value").iter_rows():
        whose.setdefault(f"{kind} {value.lower() if kind == 'email' else value}", set()).add(person)
    return whose


def precision_and_recall(
    contact_of: Mapping[str, int], whose: Mapping[str, set[str]], among: set[str]
) -> tuple[float, float]:
    """Over pairs of identifiers: of those found together, how many have an owner in common, and the other way round."""
    names = contact_of.keys() & whose.keys() & among
    of_person: dict[str, list[str]] = {}
    for name in names:
        for person in whose[name]:
            of_person.setdefault(person, []).append(name)
    truth = pairs_within(of_person.values())
    found = pairs_within(grouped({name: contact_of[name] for name in names}))
    return len(found & truth) / len(found), len(found & truth) / len(truth)


def test_contacts_are_people(resolver: Resolver, lived: Path) -> None:
    contact_of, witnessed = contacts_of(resolver, lived)
    whose = owners(lived)
    assert len(contact_of) > 2 * SHOP.contacts
    # every identifier is somebody's: none is made up, and hardly one is lost
    assert contact_of.keys() <= whose.keys()
    assert len(whose.keys() - contact_of.keys()) < 0.01 * len(whose)

    precision, recall = precision_and_recall(contact_of, whose, set(whose))
    log.info("precision %.4f, recall %.4f", precision, recall)
    assert precision >= 0.99
    # the rest are devices on which nobody ever said who they were, and what people share
    assert recall >= 0.90
    precision, recall = precision_and_recall(contact_of, whose, witnessed)
    log.info("of what any row bears witness to: precision %.4f, recall %.4f", precision, recall)
    assert precision >= 0.99
    assert recall >= 0.97


def test_without_guards_crowds_are_merged(resolver: Resolver, lived: Path) -> None:
    contact_of, _ = contacts_of(
        resolver,
        lived,
        lambda sql: sql.replace("> weaker_limits.max_links", "> 999").replace(
            "list_contains(guards.never_links", "false and list_contains(guards.never_links"
        ),
    )
    precision, _ = precision_and_recall(contact_of, owners(lived), set(contact_of))
    assert precision < 0.97
