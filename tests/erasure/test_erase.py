"""Erasing a person: afterwards no file holds them, no total has changed, and no import brings them back."""

import duckdb
import pytest
from traces import (
    EMAIL,
    ERASED_AT,
    PHONE,
    WORDS,
    Lived,
    journal_counts,
    leftovers,
    received,
    totals,
)

from activations.delivery import default_receipts
from activations.journal_care import verify
from dagster_project.erasure import erase as erasing
from dagster_project.erasure.erase import erase, find_people
from dagster_project.home import Home
from dagster_project.lock import tick_lock


def forget(home: Home, *asked: str) -> erasing.Erased:
    with tick_lock(home):
        return erase(home, find_people(home, asked, ERASED_AT), ERASED_AT)


@pytest.fixture(scope="module")
def erased(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """The same after the erasure. Copy it; do not change it."""
    copy = lived.copy(tmp_path_factory.mktemp("erased"))
    forget(copy.home, EMAIL)
    return copy


def test_the_person_is_everywhere_before(lived: Lived) -> None:
    """Else there would be nothing to find."""
    places = {path.split("/")[0] for path in leftovers(lived.home, WORDS)}
    assert places >= {"landing", "warehouse", "outbox", "sandbox", "spool", "logs"}
    by_id = {path.split("/")[0] for path in leftovers(lived.home, list(map(str, lived.ids)))}
    assert by_id >= {"journal", "published", "warehouse", "landing", "outbox", "sandbox"}
    assert any("held" in path for path in leftovers(lived.home, WORDS))
    assert EMAIL in received(lived.home)
    with duckdb.connect(str(lived.home.warehouse), read_only=True) as connection:
        assert connection.execute(
            "select count(*) from raw.quarantine where row_json::varchar like '%Qvist%'"
        ).fetchall() == [(1,)]


def test_no_file_holds_the_address_the_number_or_the_name(erased: Lived) -> None:
    assert leftovers(erased.home, WORDS) == {}


def test_no_file_holds_an_id_that_was_worked_out_of_them(erased: Lived) -> None:
    assert leftovers(erased.home, list(map(str, erased.ids))) == {}


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
    from activations.suppression import find_suppression

    suppression = find_suppression(erased.home.erased, {})
    assert suppression is not None
    assert suppression.person_of("email", EMAIL)
    assert suppression.person_of("phone", PHONE) == suppression.person_of("email", EMAIL)
    assert suppression.person_of("email", "somebody@else.example") is None
    assert (erased.home.erased / "key").stat().st_mode & 0o077 == 0
