"""What a deliverer says of its own actions without reading the journal: the same, once, and never too early."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.outbox import SCHEMA, Action
from activations.delivery.outcomes import OwnOutcomes, write_outcomes
from activations.journal.journal import Journal, open_journal
from activations.journal.rows import Settled, Settlement
from activations.sandbox.server import Sandbox

ROWS = 10


def outcomes(place: Place) -> pl.DataFrame:
    files = [pl.read_parquet(path) for path in place.spool.glob("outcomes/*.parquet")]
    return pl.concat(files).sort("action_id") if files else pl.DataFrame()


def settle(journal: Journal, numbers: Sequence[int], status: Settled = "accepted") -> list[Settlement]:
    """Actions that are claimed, and end so."""
    rows = [action(number) for number in numbers]
    actions = [Action(**{name: row[name] for name in SCHEMA.names}) for row in rows]
    journal.claim(actions, {each.action_id: f"<{each.action_id}@x>" for each in actions}, provider="x", now=NOW)
    ends = [Settlement(each.action_id, status, attempts=1) for each in actions]
    journal.settle(ends, now=NOW)
    return ends


@pytest.fixture
def journal(place: Place) -> Any:
    with open_journal(place.journal_url, place.receipts) as opened:
        yield opened


def test_they_are_what_the_journal_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [action(number) for number in range(40)]
    rows += [action(number, address="nobody") for number in range(40, 50)]
    rows += [action(number, expires_at=NOW) for number in range(50, 60)]
    found = []
    for rows_a_file in (ROWS, 1_000):
        place = Place(tmp_path / str(rows_a_file))
        monkeypatch.setattr("activations.delivery.delivery.ROWS_A_FILE", rows_a_file)
        write_outbox(place.outbox, rows)
        with Sandbox(place.received) as sandbox:
            assert place.deliver(sandbox, batch_size=25).outcomes_written == 60
        found.append(outcomes(place))
        assert (len(list(place.spool.glob("outcomes/*.parquet"))) > 1) == (rows_a_file == ROWS)
    own, read_back = found
    # a name by which the sandbox knows a mail is its own each time
    assert own.drop("provider_message_id").equals(read_back.drop("provider_message_id"))
    assert own["provider_message_id"].is_null().equals(read_back["provider_message_id"].is_null())


def test_fewer_than_a_file_are_left_to_the_journal(place: Place, journal: Journal) -> None:
    own = OwnOutcomes(journal, place.spool, ROWS)
    own.add("email", "x", settle(journal, range(ROWS - 1)), NOW)
    assert (own.written, outcomes(place).height) == (0, 0)
    own.add("email", "x", settle(journal, range(ROWS, ROWS + 3)), NOW)
    assert (own.written, outcomes(place).height) == (ROWS, ROWS)
    assert write_outcomes(journal, place.spool) == 2
    assert outcomes(place)["action_id"].n_unique() == ROWS + 2


def test_what_another_has_written_is_not_written_again(place: Place, journal: Journal) -> None:
    own = OwnOutcomes(journal, place.spool, ROWS)
    own.add("email", "x", settle(journal, range(ROWS - 1)), NOW)
    assert write_outcomes(journal, place.spool) == ROWS - 1
    own.add("email", "x", settle(journal, [ROWS]), NOW)
    assert own.written == 1
    assert outcomes(place).height == ROWS == outcomes(place)["action_id"].n_unique()


def test_what_is_unknown_may_be_resolved_before_it_is_told(place: Place, journal: Journal) -> None:
    own = OwnOutcomes(journal, place.spool, ROWS)
    own.add("email", "x", settle(journal, [1], "unknown"), NOW)
    journal.resolve([action(1)["action_id"]], accepted=True, note="", now=NOW)
    own.add("email", "x", settle(journal, range(2, ROWS + 2)), NOW)
    write_outcomes(journal, place.spool)
    assert outcomes(place)["status"].to_list() == ["accepted"] * (ROWS + 1)
