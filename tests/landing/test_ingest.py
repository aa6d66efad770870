"""What passes the gate is taken into the warehouse once, in order, with addresses in one form."""

import json
import resource
import socket
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given as given_any
from hypothesis import strategies as st

from activations.errors import HourbellError
from dagster_project.landing.addresses import normal_email, normal_phone
from dagster_project.landing.ingest import create_raw_tables, gate, ingest, land_all, pending_files
from dagster_project.landing.load import load
from dagster_project.landing.quality import QualityStop
from data.contract import tables

NOW = datetime(2026, 3, 2, 12)
TICK = datetime(2026, 3, 2, 12)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        create_raw_tables(connection)
        yield connection


def contact(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "user_id": f"u{number}",
        "source": "shop",
        "occurred_at": f"2026-03-01T10:{number:02d}:00Z",
    } | changes


def hand_in(folder: Path, name: str, *rows: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_the_raw_layer_is_there_before_anything_lands(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    create_raw_tables(warehouse)
    for table in tables():
        found = [name for name, *_ in rows(warehouse, f"describe raw.{table.name}")]
        assert found == [*table.column_names, "loaded_at", "effective_at", "landing_file", "landing_row"]
    assert land_all(warehouse, tmp_path / "nowhere", None, TICK) == []


def test_what_landed_is_taken_in_once(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load(hand_in(tmp_path / "in", "contacts.jsonl", contact(1), contact(2), contact(3, user_id=None)), tmp_path, NOW)
    (first,) = land_all(warehouse, tmp_path, None, TICK)
    assert (first.table, first.files, first.rows, first.quarantined) == ("contacts", 1, 2, 1)
    before = rows(warehouse, "select * from raw.contacts order by all")

    assert land_all(warehouse, tmp_path, None, datetime(2026, 3, 3)) == []
    assert pending_files(warehouse, tmp_path) == {}
    assert rows(warehouse, "select * from raw.contacts order by all") == before
    assert rows(
        warehouse, "select table_name, rows_landed, rows_quarantined, landed_at_tick from raw.landed_files"
    ) == [("contacts", 2, 1, TICK)]


def test_a_verdict_that_was_followed_is_not_followed_again(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    load(hand_in(tmp_path / "in", "contacts-1.jsonl", contact(1)), tmp_path, NOW)
    (old,) = gate(warehouse, tmp_path)
    ingest(warehouse, old, None, TICK)
    load(hand_in(tmp_path / "in", "contacts-2.jsonl", contact(2), contact(3, phone="?")), tmp_path, NOW)
    (both,) = gate(warehouse, tmp_path)
    merged = type(both)(both.table, (*old.files, *both.files), both.rows + 1, both.outcomes)
    assert ingest(warehouse, old, None, TICK).rows == 0
    assert ingest(warehouse, merged, None, TICK).rows == 2
    assert rows(warehouse, "select user_id from raw.contacts order by user_id") == [("u1",), ("u2",), ("u3",)]


def test_rows_come_in_the_order_in_which_they_take_effect(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = [
        contact(1, loaded_at="2026-03-01T12:00:00Z"),
        contact(2, loaded_at="2026-03-01T10:00:00Z"),
        contact(3, loaded_at="2026-03-01T11:00:00Z"),
    ]
    load(hand_in(tmp_path / "in", "contacts.jsonl", *given), tmp_path, NOW)
    land_all(warehouse, tmp_path, None, TICK)
    assert rows(warehouse, "select user_id, effective_at, landing_row from raw.contacts order by rowid") == [
        ("u2", datetime(2026, 3, 1, 10, 2), 1),
        ("u3", datetime(2026, 3, 1, 11, 0), 2),
        ("u1", datetime(2026, 3, 1, 12, 0), 0),
    ]


def test_nothing_becomes_known_in_a_window_that_has_closed(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    given = [contact(1, loaded_at="2026-03-01T12:00:00Z"), contact(2, loaded_at="2026-03-01T23:00:00Z")]
    load(hand_in(tmp_path / "in", "contacts.jsonl", *given), tmp_path, NOW)
    known_from = datetime(2026, 3, 1, 20)
    land_all(warehouse, tmp_path, known_from, TICK)
    assert rows(warehouse, "select user_id, loaded_at, effective_at from raw.contacts order by 1") == [
        ("u1", known_from, known_from),
        ("u2", datetime(2026, 3, 1, 23), datetime(2026, 3, 1, 23)),
    ]


def test_exact_duplicates_go_through(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load(hand_in(tmp_path / "in", "contacts.jsonl", contact(1), contact(1)), tmp_path, NOW)
    (ingested,) = land_all(warehouse, tmp_path, None, TICK)
    assert (ingested.rows, ingested.quarantined) == (2, 0)


def test_addresses_take_one_form(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    given = [
        contact(1, email="Ann.Lee@Example.COM", phone="020 7946 0123", country="gb"),
        contact(2, email="ann@nowhere.invalid", phone="020 7946 0123"),
        contact(3, email="ann at example.com", phone="+44 20 7946 0123", country="FR", locale="fr_FR"),
        contact(4, email="a..b@example.com", phone="+44 20", country="Atlantis"),
    ]
    load(hand_in(tmp_path / "in", "contacts.jsonl", *given), tmp_path, NOW)
    (ingested,) = land_all(warehouse, tmp_path, None, TICK)
    assert rows(warehouse, "select user_id, email, phone, country, locale from raw.contacts order by user_id") == [
        ("u1", "ann.lee@example.com", "+442079460123", "GB", None),
        ("u2", None, None, None, None),
        ("u3", None, "+442079460123", "FR", "fr-FR"),
        ("u4", None, None, None, None),
    ]
    # u2: both; u3: the address; u4: both and the country
    assert (ingested.rows, ingested.blanked) == (4, 6)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        ("JÖRG@müller.example", "jörg@müller.example"),
        ("ann@xn--mller-kva.example", "ann@müller.example"),
        ("ann+news@example.com", "ann+news@example.com"),
        ("INFO@shop.example", "info@shop.example"),
        ("ann@example", None),
        ("ann@@example.com", None),
        ("Ann <ann@example.com>", None),
        ("ann@localhost", None),
        ("", None),
        (None, None),
    ],
)
def test_email_addresses(given: str | None, normal: str | None) -> None:
    assert normal_email(given) == normal


@given_any(
    local=st.text("aZ9._+-é ", max_size=70), domain=st.sampled_from(["Shop.Org", "a..b.com", "xn--a.de", "bücher.de"])
)
def test_an_email_address_is_valid_or_not_as_the_library_says(local: str, domain: str) -> None:
    try:
        normal = validate_email(f"{local}@{domain}", check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        normal = None
    assert normal_email(f"{local}@{domain}") == normal


@pytest.mark.parametrize(
    ("given", "region", "normal"),
    [
        ("+44 20 7946 0123", None, "+442079460123"),
        ("(020) 7946-0123", "GB", "+442079460123"),
        ("020 7946 0123", None, None),
        ("020 7946 0123", "Atlantis", None),
        ("2025550123", "US", "+12025550123"),
        ("5550123", "US", None),
        ("+44 20 7946 0123 ext. 4", None, "+442079460123"),
        ("+999 123456", None, None),
        ("no thanks", "GB", None),
        (None, "GB", None),
    ],
)
def test_telephone_numbers(given: str | None, region: str | None, normal: str | None) -> None:
    assert normal_phone(given, region) == normal


def test_a_broken_withdrawal_withdraws_from_everything(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    said = {"user_id": "u1", "channel": "email", "topic": "offers", "source": "shop", "occurred_at": "2026-03-01"}
    file = hand_in(
        tmp_path / "in",
        "consents.jsonl",
        said | {"status": "withdrawn"},
        said | {"status": "withdrawn", "channel": "pigeon"},
        said | {"status": "withdrawn", "topic": None, "occurred_at": "soon"},
        said | {"status": "withdrawn", "channel": "pigeon", "user_id": "null", "email": "ann(at)shop"},
        said | {"status": "granted", "channel": "pigeon"},
        said | {"status": "perhaps"},
    )
    load(file, tmp_path, NOW)
    (ingested,) = land_all(warehouse, tmp_path, None, TICK)
    taken = "select landing_row, channel, topic, status, occurred_at, effective_at from raw.consents order by all"
    assert rows(warehouse, taken) == [
        (0, "email", "offers", "withdrawn", datetime(2026, 3, 1), NOW),
        (1, "all", "all", "withdrawn", NOW, NOW),
        (2, "all", "all", "withdrawn", NOW, NOW),
    ]
    reasons = dict(rows(warehouse, "select landing_row, reason from raw.quarantine order by landing_row"))
    assert set(reasons) == {1, 2, 3, 4, 5}
    salvaged = [row for row, reason in reasons.items() if reason.endswith("; taken as a withdrawal from everything")]
    assert salvaged == [1, 2]
    assert (ingested.rows, ingested.quarantined) == (3, 5)


def test_a_quarantined_row_says_what_it_was_and_why(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    order = {"order_id": "o1", "status": "plcaed", "currency": "GBP", "total": "12,50", "source": "shop"}
    load(hand_in(tmp_path / "in", "orders.jsonl", order | {"occurred_at": "2026-03-01"}), tmp_path, NOW)
    (ingested,) = land_all(warehouse, tmp_path, None, TICK)
    assert (ingested.rows, ingested.quarantined) == (0, 1)
    ((table, row, reason, row_json, at),) = rows(
        warehouse, "select table_name, landing_row, reason, row_json, quarantined_at from raw.quarantine"
    )
    assert (table, row, at) == ("orders", 0, TICK)
    assert reason == (
        "total cannot be read as decimal(18,2): 12,50; status is none of placed, fulfilled, cancelled and refunded"
    )
    assert json.loads(row_json)["order_id"] == "o1"
    assert json.loads(json.loads(row_json)["landing_faults"]) == {"total": "12,50"}


def test_one_bad_table_stops_all_before_any_is_taken_in(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    load(hand_in(tmp_path / "in", "contacts.jsonl", contact(1)), tmp_path, NOW)
    stray = tmp_path / "orders" / f"{7:032x}.parquet"
    stray.parent.mkdir()
    warehouse.execute(f"copy (select 'o1' as order_id) to '{stray}' (format parquet)")
    with pytest.raises(QualityStop, match=r"orders.*contract's columns") as stop:
        land_all(warehouse, tmp_path, None, TICK)
    assert [verdict.table.name for verdict in stop.value.verdicts] == ["orders"]
    assert rows(warehouse, "select count(*) from raw.contacts") == [(0,)]
    assert rows(warehouse, "select count(*) from raw.landed_files") == [(0,)]

    stray.unlink()
    assert [ingested.rows for ingested in land_all(warehouse, tmp_path, None, TICK)] == [1]


def test_a_damaged_landed_file_is_named(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (loaded,) = load(hand_in(tmp_path / "in", "contacts.jsonl", contact(1)), tmp_path, NOW)
    loaded.landed.write_bytes(loaded.landed.read_bytes()[:-20])
    with pytest.raises(HourbellError, match=f"contacts.*{loaded.landed}"):
        land_all(warehouse, tmp_path, None, TICK)


def test_what_was_not_landed_by_load_is_left_alone_and_told(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hand_in(tmp_path / "contacts", "by hand.jsonl", contact(1))
    assert pending_files(warehouse, tmp_path) == {}
    assert "by hand.jsonl" in caplog.text


class FailingCommit:
    """A connection whose commit says that it failed, after it did or did not happen."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, commits: bool) -> None:
        self._connection, self._commits = connection, commits

    def commit(self) -> None:
        if self._commits:
            self._connection.commit()
        raise duckdb.FatalException("COMMIT succeeded, but the autocheckpoint failed")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.parametrize("commits", [True, False])
def test_after_a_commit_that_failed_the_warehouse_is_asked(
    commits: bool, warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    load(hand_in(tmp_path / "in", "contacts.jsonl", contact(1)), tmp_path, NOW)
    (verdict,) = gate(warehouse, tmp_path)
    failing: Any = FailingCommit(warehouse, commits=commits)
    if commits:
        assert ingest(failing, verdict, None, TICK).rows == 1
    else:
        with pytest.raises(HourbellError, match="Nothing of it was taken in"):
            ingest(failing, verdict, None, TICK)
    assert rows(warehouse, "select count(*) from raw.contacts") == [(int(commits),)]
    assert [ingested.rows for ingested in land_all(warehouse, tmp_path, None, TICK)] == ([] if commits else [1])
    assert rows(warehouse, "select count(*) from raw.contacts") == [(1,)]


def test_the_gate_calls_nobody_and_prints_nothing(
    warehouse: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the gate opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    load(hand_in(tmp_path / "in", "contacts.jsonl", contact(1), contact(2, user_id=None)), tmp_path, NOW)
    land_all(warehouse, tmp_path, None, TICK)
    assert capfd.readouterr() == ("", "")


def test_a_large_load_is_judged_and_taken_in_within_bounded_memory(tmp_path: Path) -> None:
    target = tmp_path / "events" / f"{1:032x}.parquet"
    target.parent.mkdir()
    with duckdb.connect(config={"memory_limit": "400MB", "temp_directory": str(tmp_path / "spill")}) as connection:
        connection.execute(
            f"""
            copy (
                select
                    'm' || i as message_id,
                    if(i % 1000 = 7, 'trakc', 'track') as type,
                    'Product Viewed' as event,
                    'u' || i % 5000 as user_id,
                    'a' || i as anonymous_id,
                    'ann' || i % 5000 || if(i % 1000 = 8, ' at ', '@') || 'Example.com' as email,
                    null::varchar as phone,
                    '{{"text": "' || repeat(md5(i::varchar), 4) || '"}}' as properties,
                    null::varchar as traits,
                    null::varchar as context,
                    'web' as source,
                    timestamp '2026-03-01' + to_milliseconds((i * 7919) % 300000) as occurred_at,
                    timestamp '2026-03-01 01:00:00' as loaded_at,
                    true as loaded_at_given,
                    null::varchar as landing_faults
                from range(300000) as numbers(i)
            ) to '{target}' (format parquet)
            """
        )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    settings = {"memory_limit": "400MB", "temp_directory": str(tmp_path / "spill")}
    with duckdb.connect(str(tmp_path / "large.duckdb"), config=settings) as connection:
        (ingested,) = land_all(connection, tmp_path, None, TICK)
        ordered = rows(
            connection,
            "select count(*) from (select effective_at < lag(effective_at) over (order by rowid) as is_back "
            "from raw.events) where is_back",
        )
        emails = rows(connection, "select count(email) from raw.events")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert (ingested.rows, ingested.quarantined, ingested.blanked) == (299_700, 300, 300)
    assert ordered == [(0,)]
    assert emails == [(299_400,)]
    assert grown < 1_500_000_000


def test_what_the_gate_found_is_counted_by_its_reasons(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    order = {
        "order_id": "o1",
        "status": "placed",
        "user_id": "u1",
        "currency": "gbp",
        "total": "12.50",
        "source": "shop",
    }
    order |= {"occurred_at": "2026-03-01T10:00:00Z"}
    hand_in(tmp_path / "in", "orders.jsonl", order, order | {"order_id": None}, order | {"order_id": None, "total": 30})
    hand_in(tmp_path / "in", "contacts.jsonl", contact(1, email="not one"), contact(2), contact(3, user_id=None))
    withdrawn = {
        "user_id": "u1",
        "channel": "carrier pigeon",
        "topic": "offers",
        "status": "withdrawn",
        "source": "shop",
    }
    hand_in(tmp_path / "in", "consents.jsonl", withdrawn | {"occurred_at": "2026-03-01T10:00:00Z"})
    load(tmp_path / "in", tmp_path, NOW)
    landed = {one.table: one for one in land_all(warehouse, tmp_path, None, TICK)}
    found = rows(
        warehouse,
        "select table_name, became, currency, rows_found, rows_kept, people, worth from raw.gate_findings "
        "where landed_at_tick = timestamp '2026-03-02 12:00:00' order by all",
    )
    assert ("orders", "set aside", "GBP", 2, 0, 1, Decimal("42.50")) in found
    assert ("contacts", "set aside", None, 1, 0, 0, None) in found
    assert ("contacts", "blanked", None, 1, 0, 1, None) in found
    assert ("consents", "set aside", None, 1, 1, 1, None) in found
    for table in landed.values():
        told = [row for row in found if row[0] == table.table]
        # no row here has two faults
        assert sum(row[3] for row in told if row[1] == "set aside") == table.quarantined
        assert sum(row[3] for row in told if row[1] == "blanked") == table.blanked
    # what people typed is in the quarantine alone
    assert not any("pigeon" in str(row) for row in rows(warehouse, "select * from raw.gate_findings"))
