"""The simulated shop: the same twice, as dirty as it says, and true to its truth."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import phonenumbers
import polars as pl
import pytest
from email_validator import validate_email

from activations.errors import HourbellError
from data.importers.canonical import schema
from data.simulator import Life, Shop, Summary, simulate
from data.simulator.clock import HOUR, to_utc
from data.simulator.faults import FAULTS
from data.simulator.shop import microseconds
from data.simulator.vocabulary import MAIL_DOMAINS, PLACES

START = datetime(2026, 3, 2)
SHOP = Shop(seed=11, contacts=2_000, start=START, days=14)
SMALL = Shop(seed=11, contacts=250, start=START, days=4)
TABLES = ("contacts", "consents", "costs", "events", "order_lines", "orders", "products")
KEYS = {
    "contacts": ["source", "user_id", "occurred_at"],
    "consents": ["user_id", "email", "phone", "channel", "topic", "occurred_at"],
    "costs": ["cost_id"],
    "events": ["message_id"],
    "order_lines": ["order_id", "line_number", "occurred_at"],
    "orders": ["order_id", "status"],
    "products": ["product_id", "occurred_at"],
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Path]:
    out = tmp_path_factory.mktemp("shop")
    return simulate(SHOP, out), out


def hashes(out: Path) -> dict[str, str]:
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(out: Path, table: str) -> pl.DataFrame:
    """All rows of a table with the file and position of each, and whether the truth calls them broken."""
    frames = [
        pl.read_parquet(path).with_row_index("row").with_columns(file=pl.lit(f"{table}/{path.name}"))
        for path in sorted((out / table).glob("*.parquet"))
    ]
    broken = truth(out, "broken_rows").select("file", pl.col("row").cast(pl.UInt32), "fault")
    return pl.concat(frames).join(broken, on=["file", "row"], how="left", maintain_order="left")


def whole(out: Path, table: str) -> pl.DataFrame:
    return rows(out, table).filter(pl.col("fault").is_null())


def truth(out: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(out / "truth" / f"{name}.parquet")


def test_the_same_parameters_give_the_same_bytes(tmp_path: Path) -> None:
    simulate(SMALL, tmp_path / "one")
    simulate(SMALL, tmp_path / "two")
    first = hashes(tmp_path / "one")
    assert len(first) > 20
    assert hashes(tmp_path / "two") == first
    simulate(replace(SMALL, seed=12), tmp_path / "three")
    other = hashes(tmp_path / "three")
    assert other["events/2026-03-03.parquet"] != first["events/2026-03-03.parquet"]


def test_every_file_has_the_contract_s_columns_and_rows_of_its_day(lived: tuple[Summary, Path]) -> None:
    for table in TABLES:
        for path in sorted((lived[1] / table).glob("*.parquet")):
            frame = pl.read_parquet(path)
            assert dict(frame.schema) == dict(schema(table)), path
            assert frame["loaded_at"].is_sorted()
            if path.stem.startswith("history"):
                assert frame["loaded_at"].max() < START  # type: ignore[operator]
            else:
                assert set(frame["loaded_at"].dt.date().to_list()) == {datetime.fromisoformat(path.stem).date()}
    landed = {path.name for path in lived[1].iterdir()}
    assert landed == {*TABLES, "truth"}


def test_there_is_as_much_life_as_a_demonstration_needs(lived: tuple[Summary, Path]) -> None:
    summary, out = lived
    assert summary.people == 2_000
    assert 150 <= summary.sign_ups <= 300
    assert summary.carts_left >= 400
    placed = whole(out, "orders").filter(pl.col("status") == "placed", pl.col("occurred_at") >= START)
    assert placed["order_id"].n_unique() >= 400
    assert 8_000 <= summary.rows["events"] <= 40_000
    kinds = set(whole(out, "events")["event"].drop_nulls())
    assert kinds == {
        "Product Viewed",
        "Product Added",
        "Product Removed",
        "Checkout Started",
        "Order Completed",
    }
    written = json.loads((out / "truth" / "shop.json").read_text())
    assert written["parameters"]["seed"] == SHOP.seed
    assert written["summary"]["rows"] == summary.rows == {table: rows(out, table).height for table in TABLES}


def test_about_two_hundred_lapse_within_the_period(lived: tuple[Summary, Path]) -> None:
    summary, out = lived
    users = truth(out, "identifiers").filter(pl.col("kind") == "user_id")
    last = (
        whole(out, "orders")
        .filter(pl.col("status") == "placed")
        .join(users, left_on="user_id", right_on="value")
        .group_by("person_id")
        .agg(pl.col("occurred_at").max())
        .join(truth(out, "people").select("person_id", "habit"), on="person_id")
    )
    grown_old = last["occurred_at"] + timedelta(days=SHOP.lapse_after_days)
    lapsing = last.filter((grown_old >= START) & (grown_old < SHOP.end))
    assert summary.lapsing == 200
    assert lapsing.filter(pl.col("habit") == "lapsing").height == 200
    assert lapsing.height < 300
    assert last.filter(pl.col("habit") == "lapsed")["occurred_at"].max() < START - timedelta(days=90)  # type: ignore[operator]


def test_rows_come_late_twice_and_broken_as_often_as_asked(lived: tuple[Summary, Path]) -> None:
    summary, out = lived
    events = rows(out, "events").filter(pl.col("fault").is_null())
    first = events.unique("message_id", keep="first", maintain_order=True)
    lag = first["loaded_at"] - first["occurred_at"]
    assert (lag >= timedelta(0)).all()
    late = (lag > timedelta(minutes=30)).sum()
    assert late == summary.late["events"]
    assert 0.018 <= late / first.height <= 0.04

    copies = events.height - first.height
    assert 0.008 <= copies / first.height <= 0.02
    orders = whole(out, "orders")
    assert copies + orders.select(KEYS["orders"]).is_duplicated().sum() // 2 == summary.duplicates
    twice = events.filter(pl.col("message_id").is_duplicated()).group_by("message_id")
    files = twice.agg(pl.col("file").n_unique())
    assert 0.4 <= (files["file"] == 2).mean() <= 0.9  # type: ignore[operator]
    told = set(events.columns) - {"loaded_at", "file", "row", "fault"}
    assert (twice.agg(pl.struct(sorted(told)).n_unique().alias("n"))["n"] == 1).all(), "copies say the same"

    broken = truth(out, "broken_rows")
    assert broken.height == summary.broken
    assert 0.003 <= (broken["table"] == "events").sum() / events.height <= 0.007
    for table, faults in FAULTS.items():
        assert set(broken.filter(pl.col("table") == table)["fault"]) == {fault.name for fault in faults}


def test_the_broken_rows_are_where_the_truth_says_and_no_others(lived: tuple[Summary, Path]) -> None:
    _, out = lived
    events = rows(out, "events")
    is_bad = (
        pl.col("message_id").is_null()
        | pl.all_horizontal(pl.col("user_id", "anonymous_id", "email", "phone").is_null())
        | ~pl.col("occurred_at").is_between(START, SHOP.end).fill_null(value=False)
        | ((pl.col("type") == "track") & pl.col("event").is_null())
        | ~pl.col("type").is_in(["track", "page", "identify"])
        | ~pl.col("email").fill_null("a@b").str.contains("@")
        | (pl.col("phone").str.len_chars() < 8).fill_null(value=False)
        | ~pl.col("properties").fill_null("{}").str.ends_with("}")
    )
    assert events.select((is_bad == pl.col("fault").is_not_null()).all()).item()

    orders = rows(out, "orders")
    is_bad = (
        pl.col("order_id").is_null()
        | (pl.col("total") <= 0).fill_null(value=True)
        | (pl.col("currency") != "GBP")
        | (pl.col("refunded") > pl.col("total")).fill_null(value=False)
        | ~pl.col("status").is_in(["placed", "fulfilled", "cancelled", "refunded"])
        | (pl.col("occurred_at") >= SHOP.end)
    )
    assert orders.select((is_bad == pl.col("fault").is_not_null()).all()).item()
    keyed = rows(out, "orders").filter(pl.col("fault") == "negative total")
    told = truth(out, "broken_rows").filter(pl.col("fault") == "negative total")
    assert set(keyed["order_id"]) == set(told["key"])


def test_natural_keys_hold_but_for_the_copies(lived: tuple[Summary, Path]) -> None:
    for table, key in KEYS.items():
        frame = whole(lived[1], table)
        if table in ("events", "orders"):
            frame = frame.unique(key, keep="first", maintain_order=True)
        assert not frame.select(key).is_duplicated().any(), table


def test_the_truth_s_identifiers_are_those_of_the_files(lived: tuple[Summary, Path]) -> None:
    _, out = lived
    identifiers = truth(out, "identifiers")
    for kind, tables in (
        ("user_id", ("contacts", "consents", "events", "orders")),
        ("anonymous_id", ("events", "orders")),
        ("email", ("contacts", "consents", "events", "orders")),
    ):
        seen = pl.concat(
            whole(out, table).select(pl.col(kind).str.to_lowercase().alias("value"), "loaded_at") for table in tables
        ).drop_nulls()
        first = seen.group_by("value").agg(pl.col("loaded_at").min())
        known = identifiers.filter(pl.col("kind") == kind)
        assert set(first["value"]) == set(known.filter(pl.col("first_seen_at").is_not_null())["value"])
        times = known.group_by("value").agg(pl.col("first_seen_at").min()).join(first, on="value")
        assert (times["first_seen_at"] == times["loaded_at"]).all()
    assert identifiers["person_id"].is_in(truth(out, "people")["person_id"].implode()).all()
    alone = identifiers.filter(~pl.col("is_shared"))
    assert not alone.select("kind", "value").is_duplicated().any(), "what is not shared is one person's"


def test_people_have_several_identifiers_and_some_are_shared(lived: tuple[Summary, Path]) -> None:
    _, out = lived
    identifiers = truth(out, "identifiers")
    a_person = identifiers.group_by("person_id", "kind").len()
    assert (a_person.filter(pl.col("kind") == "anonymous_id")["len"] > 1).mean() > 0.4  # type: ignore[operator]
    moved = identifiers.filter(pl.col("kind") == "email", pl.col("valid_until").is_not_null())
    assert moved.height > 100
    assert moved.filter(pl.col("valid_until") >= START).height > 10
    sharing = identifiers.filter("is_shared").group_by("kind", "value").len()
    assert sharing.filter(pl.col("kind") == "email")["len"].max() == 3
    devices = truth(out, "devices")
    assert set(devices["kind"]) == {"own", "household", "kiosk"}
    assert devices.filter(pl.col("kind") == "household")["people"].max() == 4
    assert devices.filter(pl.col("kind") == "kiosk")["people"].min() > 10  # type: ignore[operator]


def test_some_have_the_app_and_it_tells_on_which_device(lived: tuple[Summary, Path]) -> None:
    _, out = lived
    told = whole(out, "events").filter(pl.col("source") == "app")
    people = truth(out, "people").height
    assert 0.1 < told.height / people < 0.3
    tokens = told["context"].str.json_path_match("$.device.token")
    assert tokens.n_unique() == told["user_id"].n_unique() == told.height
    agreed = whole(out, "consents").filter(pl.col("channel") == "push")
    assert set(agreed["status"]) == {"granted"}
    assert set(agreed["user_id"]) < set(told["user_id"])


def test_the_app_moves_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(SMALL, tmp_path / "with")
    monkeypatch.setattr("data.simulator.day.open_apps", lambda *of: ())
    simulate(SMALL, tmp_path / "without")
    for table in TABLES:
        rows = whole(tmp_path / "with", table)
        if table == "events":
            rows = rows.filter(pl.col("source") != "app")
        if table == "consents":
            rows = rows.filter(pl.col("channel").ne_missing("push"))
        without = whole(tmp_path / "without", table)
        # where a row stands in its file is another matter
        assert rows.drop("row").equals(without.drop("row")), table


def test_addresses_and_numbers_are_reserved_ones_and_well_formed(lived: tuple[Summary, Path]) -> None:
    _, out = lived
    identifiers = truth(out, "identifiers")
    emails = identifiers.filter(pl.col("kind") == "email")["value"]
    for email in emails.head(300):
        assert validate_email(email, check_deliverability=False).normalized == email
    domains = set(emails.str.split("@").list.last())
    assert all(domain in MAIL_DOMAINS or domain.endswith(".example") for domain in domains)

    for phone in identifiers.filter(pl.col("kind") == "phone")["value"]:
        number = phonenumbers.parse(phone)
        assert phonenumbers.is_possible_number(number)
        assert phonenumbers.is_valid_number(number)
    at_home = whole(out, "orders").filter(pl.col("phone").is_not_null()).unique("phone")
    known = set(identifiers.filter(pl.col("kind") == "phone")["value"])
    for phone, country in at_home.select("phone", "country").rows():
        number = phonenumbers.parse(phone, country)
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) in known


def test_orders_are_the_sum_of_their_lines_and_come_from_carts(lived: tuple[Summary, Path]) -> None:
    _, out = lived
    orders = whole(out, "orders").unique(KEYS["orders"], keep="first", maintain_order=True)
    placed = orders.filter(pl.col("status") == "placed")
    lines = whole(out, "order_lines")
    bought = (
        lines.filter(pl.col("quantity") > 0)
        .group_by("order_id")
        .agg(goods=(pl.col("quantity") * pl.col("unit_price")).sum())
    )
    both = placed.join(bought, on="order_id", how="left")
    off = both.select((pl.col("total") - pl.col("shipping") - pl.col("goods")).abs().max()).item()
    assert off is not None
    assert off <= 0.01
    kept = lines.group_by("order_id", "line_number").agg(pl.col("quantity").sum())
    assert (kept["quantity"] >= 0).all(), "no more came back than was bought"
    assert (
        (orders.filter(pl.col("refunded").is_not_null()).select(pl.col("refunded") <= pl.col("total")))
        .to_series()
        .all()
    )

    carts = pl.read_parquet(out / "truth" / "carts" / "*.parquet")
    from_carts = placed.filter(pl.col("cart_id").is_not_null())
    assert set(from_carts["order_id"]) <= set(carts["order_id"].drop_nulls())
    known = carts.join(from_carts, on=["cart_id", "order_id"])
    assert known.height == from_carts.height
    events = whole(out, "events").unique("message_id", keep="first", maintain_order=True)
    in_cart = events.with_columns(cart_id=pl.col("properties").str.json_path_match("$.cart_id"))
    added = in_cart.filter(pl.col("event") == "Product Added").group_by("cart_id").agg(pl.col("occurred_at").max())
    done = in_cart.filter(pl.col("event") == "Order Completed").join(added, on="cart_id", suffix="_added")
    assert done.height > 300
    assert (done["occurred_at"] > done["occurred_at_added"]).all()


def test_who_signs_up_is_a_contact_before_they_are_known_by_their_id(lived: tuple[Summary, Path]) -> None:
    summary, out = lived
    signed_up = truth(out, "people").filter(pl.col("registered_at").is_between(START, SHOP.end, closed="left"))
    assert signed_up.height == summary.sign_ups
    users = truth(out, "identifiers").filter(pl.col("kind") == "user_id").select("person_id", user_id="value")
    since = signed_up.join(users, on="person_id").select("user_id", "registered_at")
    first = whole(out, "contacts").group_by("user_id").agg(pl.col("occurred_at").min()).join(since, on="user_id")
    assert (first["occurred_at"] == first["registered_at"]).all()
    events = whole(out, "events").join(since, on="user_id")
    assert (events["occurred_at"] >= events["registered_at"]).all()
    granted = whole(out, "consents").filter(pl.col("status") == "granted", pl.col("topic") == "newsletter")
    assert since["user_id"].is_in(granted["user_id"].drop_nulls().implode()).mean() > 0.6  # type: ignore[operator]


def test_people_are_awake_by_day_where_they_live(lived: tuple[Summary, Path]) -> None:
    _, out = lived
    events = whole(out, "events").filter(pl.col("type") == "page")
    zone = events["context"].str.json_path_match("$.timezone")
    for name in ("Europe/London", "America/Los_Angeles", "Australia/Sydney"):
        at = events.filter(zone == name)["occurred_at"].dt.replace_time_zone("UTC").dt.convert_time_zone(name)
        hours = at.dt.hour()
        assert ((hours >= 7) & (hours < 24)).mean() > 0.9, name  # type: ignore[operator]
        assert hours.is_between(17, 22).mean() > 0.35, name  # type: ignore[operator]


def test_local_times_are_those_of_the_time_zone_database() -> None:
    london = next(number for number, place in enumerate(PLACES) if place.timezone == "Europe/London")
    epoch = datetime(1970, 1, 1)
    for local, utc in (
        (datetime(2026, 1, 10, 9), datetime(2026, 1, 10, 9)),
        (datetime(2026, 7, 10, 9), datetime(2026, 7, 10, 8)),
        # does not exist; happens twice
        (datetime(2026, 3, 29, 1, 30), datetime(2026, 3, 29, 1, 30)),
        (datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 0, 30)),
    ):
        days = (local - epoch).days
        moment = (local - epoch - timedelta(days=days)) // timedelta(microseconds=1)
        got = to_utc(np.array([days]), np.array([moment]), np.array([london]))
        assert got[0] == microseconds(utc), local
    sydney = next(number for number, place in enumerate(PLACES) if place.timezone == "Australia/Sydney")
    local = datetime(2026, 12, 24, 10, tzinfo=ZoneInfo("Australia/Sydney"))
    days = (local.replace(tzinfo=None) - epoch).days
    got = to_utc(np.array([days]), np.array([10 * HOUR]), np.array([sydney]))
    assert got[0] == int(local.timestamp()) * 1_000_000


def test_life_grows_with_the_people(lived: tuple[Summary, Path], tmp_path: Path) -> None:
    larger = simulate(replace(SHOP, contacts=6_000, days=7), tmp_path)
    smaller = lived[0]
    assert larger.people == 3 * smaller.people
    assert 1.2 <= larger.rows["events"] / smaller.rows["events"] <= 1.8
    assert 2.7 <= larger.rows["contacts"] / smaller.rows["contacts"] <= 3.3


def test_a_day_can_be_answered_before_the_next_is_written(tmp_path: Path) -> None:
    life = Life(SMALL, tmp_path)
    assert [life.live(), life.live()] == [0, 1]
    assert not (tmp_path / "events" / "2026-03-04.parquet").exists()
    opened = pl.DataFrame(
        {
            "message_id": ["an answer"],
            "type": ["track"],
            "event": ["Email Opened"],
            "anonymous_id": ["somebody"],
            "source": ["mail provider"],
            "occurred_at": [START + timedelta(days=2, hours=9)],
            "loaded_at": [START + timedelta(days=2, hours=9, minutes=1)],
        }
    )
    life.landing.add("events", opened)
    life.live()
    written = pl.read_parquet(tmp_path / "events" / "2026-03-04.parquet")
    assert written.filter(pl.col("message_id") == "an answer").height == 1


@pytest.mark.parametrize(
    "change",
    [
        {"contacts": 0},
        {"days": 0},
        {"start": datetime(2026, 3, 2, 5)},
        {"broken_share": 0.9},
        {"history_days": -1},
    ],
)
def test_an_impossible_shop_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(HourbellError, match=next(iter(change))):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_the_smallest_shop_and_one_without_history_live(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    simulate(Shop(seed=1, contacts=1, start=START, days=1), tmp_path / "one", lambda *at: progress.append(at))
    assert progress == [(1, 2), (2, 2)]
    summary = simulate(replace(SMALL, history_days=0), tmp_path / "young")
    assert summary.lapsing == 0
    assert summary.rows["orders"] > 0
    with pytest.raises(HourbellError, match="not an empty directory"):
        simulate(SMALL, tmp_path / "young")
