"""Erasing a person: afterwards no file holds them, no total has changed, and no import brings them back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from traces import (
    BROWSER,
    EMAIL,
    ERASED_AT,
    PHONE,
    START,
    WORDS,
    Lived,
    deliver,
    journal_counts,
    known_by,
    land,
    leftovers,
    received,
    tick,
    totals,
    traces,
)

from activations.delivery.delivery import default_receipts
from activations.erasure.suppression import find_suppression
from activations.errors import HourbellError
from activations.journal.care import verify
from dagster_project.erasure import erase as erasing
from dagster_project.erasure.erase import erase, find_people
from dagster_project.home import Home
from dagster_project.ticks.lock import tick_lock
from dagster_project.warehouse import open_warehouse
from dagster_project.warehouse_setup import prepare_warehouse

STEPS = {
    "erase_in_outbox": "outbox",
    "erase_in_journal": "journal",
    "erase_in_landing": "landing",
    "erase_in_warehouse": "warehouse",
    "compact": "warehouse",
    "_publish_anew": "published",
    "erase_in_sandbox": "sandbox",
    "erase_in_logs": "logs",
}
"""What clears which folder."""


def forget(home: Home, *asked: str) -> erasing.Erased:
    with tick_lock(home):
        return erase(home, find_people(home, asked, ERASED_AT), ERASED_AT)


@pytest.fixture(scope="module")
def cleared() -> dict[str, tuple[bool, bool]]:
    """Whether a folder held the person before each step, and afterwards."""
    return {}


@pytest.fixture(scope="module")
def erased(lived: Lived, cleared: dict[str, tuple[bool, bool]], tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """The same after the erasure. Copy it; do not change it."""
    copy = lived.copy(tmp_path_factory.mktemp("erased"))
    words = [*WORDS, *map(str, lived.ids)]

    def watched(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **more: Any) -> Any:
            folder = copy.home.root / STEPS[name]
            before = bool(leftovers(folder, words))
            done = step(*arguments, **more)
            cleared[name] = before, bool(leftovers(folder, words))
            return done

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(erasing, name, watched(name, getattr(erasing, name)))
        forget(copy.home, EMAIL)
    return copy


def test_the_person_is_everywhere_before(lived: Lived) -> None:
    """Else there would be nothing to find."""
    places = {path.split("/")[0] for path in leftovers(lived.home.root, WORDS)}
    assert places >= {"landing", "warehouse", "outbox", "sandbox", "spool", "collected", "logs"}
    by_id = {path.split("/")[0] for path in leftovers(lived.home.root, list(map(str, lived.ids)))}
    assert by_id >= {"journal", "published", "warehouse", "landing", "outbox", "sandbox"}
    for mart in ("workflow_positions", "segment_contacts", "returned_emails"):
        listed = duckdb.from_parquet(str(lived.home.published / "parquet" / f"{mart}.parquet"))
        assert listed.filter(f"contact_id = {lived.contact_id}").fetchall(), mart
    assert any("held" in path for path in leftovers(lived.home.root, WORDS))
    assert EMAIL in received(lived.home)
    with duckdb.connect(str(lived.home.warehouse), read_only=True) as connection:
        assert connection.execute(
            "select count(*) from raw.quarantine where row_json::varchar like '%Qvist%'"
        ).fetchall() == [(1,)]


def test_no_file_holds_the_address_the_number_or_the_name(erased: Lived) -> None:
    assert leftovers(erased.home.root, WORDS) == {}


def test_no_file_holds_an_id_that_was_worked_out_of_them(erased: Lived) -> None:
    assert leftovers(erased.home.root, list(map(str, erased.ids))) == {}


def test_no_file_holds_an_id_of_theirs(erased: Lived) -> None:
    """Nor what could not be read, nor a line of a log; those of others stay."""
    (damaged,) = erased.home.collected.glob("*.damaged")
    (line,) = damaged.read_bytes().splitlines()
    assert b'"bystander"' in line
    assert (erased.home.logs / "app.log").read_text() == "user_id=bystander opened\n"
    assert leftovers(erased.home.root, [BROWSER]) == {}


def test_the_totals_of_the_marts_are_the_same(lived: Lived, erased: Lived) -> None:
    before, after = totals(lived.home), totals(erased.home)
    assert len(before) > 10
    assert after == before


def test_what_was_delivered_counts_as_before(lived: Lived, erased: Lived) -> None:
    before, after = journal_counts(lived.home), journal_counts(erased.home)
    waiting = sum(after.values()) - sum(before.values())
    assert after == before | {("email", "rejected"): before.get(("email", "rejected"), 0) + waiting}
    assert verify(erased.home.journal_url, default_receipts(erased.home.spool)).agrees


def test_the_keyed_hash_stays(erased: Lived) -> None:
    suppression = find_suppression(erased.home.erased, {})
    assert suppression is not None
    assert suppression.person_of("email", EMAIL)
    assert suppression.person_of("phone", PHONE) == suppression.person_of("email", EMAIL)
    assert suppression.person_of("email", "somebody@else.example") is None
    assert (erased.home.erased / "key").stat().st_mode & 0o077 == 0


def test_the_next_tick_knows_and_no_import_brings_them_back(erased: Lived, tmp_path: Path) -> None:
    lived = erased.copy(tmp_path)
    home = lived.home
    before = received(home)
    # the same export once more, as another file; and under a user_id that nobody knew
    again = traces(lived.user_id, START + timedelta(days=3, hours=1))
    again["contacts"][0] |= {"user_id": "new-user", "phone": "0049 30 901820555"}
    again["events"][3] |= {"phone": PHONE, "user_id": None, "message_id": "z8"}
    # nor do events come a second time that were known by them
    again["events"] += known_by(lived.action_id)
    for table, rows in again.items():
        land(home, tmp_path / "export", table, rows, ERASED_AT)
    assert leftovers(home.root, WORDS) == {}
    tick(home, START + timedelta(days=3))
    deliver(home, START + timedelta(days=4))
    assert leftovers(home.root, WORDS) == {}
    assert received(home).count(EMAIL) == 0
    assert len(received(home)) >= len(before)
    with open_warehouse(home) as connection:
        people = connection.execute(
            "select user_id, email, phone, first_name, is_erased, email_consented from contacts.contact_profiles "
            "where user_id like 'erased-%' or is_erased"
        ).fetchall()
        orders = connection.execute(
            "select count(*) from contacts.orders join contacts.identifiers on contact_id = identifier_id "
            "where order_id = 'zq-1' and identifier_value like 'erased-%'"
        ).fetchall()
        held = connection.execute(
            "select count(*) from decisions.decisions join contacts.identifiers on contact_id = identifier_id "
            "where tick_end = ? and outcome = 'send' and identifier_value like 'erased-%'",
            [START + timedelta(days=4)],
        ).fetchall()
        consented = connection.execute(
            "select count(*) filter (where is_consented or is_reachable), count(*) from eligibility.eligibility "
            "join contacts.identifiers on contact_id = identifier_id where identifier_value like 'erased-%'"
        ).fetchall()[0]
        happened = connection.execute(
            "select event, count(*) from contacts.events where event in ('Email Opened', 'Card Issued') "
            "and occurred_at = ? group by event order by event",
            [datetime.fromisoformat(str(known_by(0)[0]["occurred_at"]))],
        ).fetchall()
    assert happened == [("Card Issued", 2), ("Email Opened", 1)]
    # one contact, erased, of whom nothing is known
    assert [person[1:] for person in people] == [(None, None, None, True, False)]
    assert orders[0][0] > 0
    assert held == [(0,)]
    assert consented[0] == 0
    assert consented[1] > 0


def test_a_warehouse_that_is_built_anew_knows_nobody_again(erased: Lived, tmp_path: Path) -> None:
    home = erased.copy(tmp_path).home
    home.warehouse.unlink()
    prepare_warehouse(home)
    tick(home, START, hours=96)
    assert leftovers(home.root, WORDS) == {}
    with open_warehouse(home) as connection:
        people = connection.execute(
            "select contact_id, is_erased from contacts.contact_profiles where user_id like 'erased-%' or is_erased"
        ).fetchall()
    with open_warehouse(erased.home) as connection:
        kept = connection.execute(
            "select identifier_id from contacts.identifiers where identifier_type = 'user_id' "
            "and identifier_value like 'erased-%'"
        ).fetchall()
    assert people == [(kept[0][0], True)]


def test_the_others_are_as_they_were(lived: Lived, erased: Lived) -> None:
    def others(home: Home) -> list[tuple[object, ...]]:
        with open_warehouse(home) as connection:
            return connection.execute(
                "select * exclude (contact_id) from contacts.contact_profiles where user_id <> $1 and user_id not like "
                "'erased-%' and user_id <> 'bystander' order by all",
                [lived.user_id],
            ).fetchall()

    assert len(others(lived.home)) > 100
    assert others(lived.home) == others(erased.home)
    with open_warehouse(erased.home) as connection:
        told = connection.execute("select properties::varchar from raw.events where message_id = 'z3'").fetchall()
    assert told == [('{"note":"for erased, erased"}',)]


def test_each_step_that_is_left_out_is_seen(erased: Lived, cleared: dict[str, tuple[bool, bool]]) -> None:
    """What a step clears is found before it, and by nothing else gone; the warehouse's pages are clear once it is
    written anew, and not when its rows are."""
    assert cleared == {name: (True, name == "erase_in_warehouse") for name in STEPS}


def test_an_erasure_that_is_interrupted_is_finished_by_the_next(
    lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody is told that all is done while a file of somebody's own still says who they were. Somebody else, whose
    address has theirs in it, stays as they are, and in nobody's way."""
    home = lived.copy(tmp_path).home
    namesake = {"user_id": "namesake", "source": "crm", "email": f"an.{EMAIL}", "occurred_at": START.isoformat()}
    land(home, tmp_path / "namesake", "contacts", [namesake], ERASED_AT)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    (home.root / "export.csv").write_text(f"email\n{EMAIL.upper()}\n")
    (home.root / "browsers.csv").write_text(f"anonymous_id,at\n{BROWSER},2026-03-02\n")
    for asked, step in (([EMAIL], "compact"), ([], "holding")):
        with monkeypatch.context() as patch:
            patch.setattr(erasing, step, dies)
            with pytest.raises(KeyboardInterrupt):
                forget(home, *asked)
        assert leftovers(home.erased, WORDS) != {}, "who is being erased is known until nothing is left to be done"
    # nobody has to be named again
    with pytest.raises(HourbellError, match=r"browsers\.csv.*export\.csv"):
        forget(home)
    (home.root / "export.csv").unlink()
    (home.root / "browsers.csv").unlink()
    forget(home)
    assert leftovers(home.erased, WORDS) == {}
    [(path, words)] = leftovers(home.root, [*WORDS, *map(str, lived.ids)]).items()
    assert words == ["qvist", "zephyrine", EMAIL]
    assert duckdb.from_parquet(str(home.root / path)).select("email").fetchall() == [(namesake["email"],)]
    assert totals(home) == totals(lived.home)


def test_a_key_that_is_another_is_refused(erased: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOURBELL_ERASURE_KEY", "another key, long enough")
    with pytest.raises(HourbellError, match="HOURBELL_ERASURE_KEY") as raised:
        find_suppression(erased.home.erased)
    assert "another key" not in str(raised.value)
    monkeypatch.setenv("HOURBELL_ERASURE_KEY", "short")
    with pytest.raises(HourbellError, match="too short"):
        find_suppression(erased.home.erased)


def test_the_command_shows_and_asks(
    lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple[int, str]]
) -> None:
    home = lived.copy(tmp_path).home
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    code, said = run_command("erase", EMAIL)
    assert code == 0
    assert f"contact {lived.contact_id}, known by" in said
    assert "Nothing was erased" in said
    assert leftovers(home.outbox, WORDS) != {}
    code, said = run_command("erase", "not an address")
    assert code == 1
    assert "is no e-mail address" in said
    assert run_command("erase", "123456789012345678")[0] == 1
