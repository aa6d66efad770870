"""Many actions in one statement: the journal comes to hold what each by itself would have left there."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rehearsal import NOW, action

from activations.delivery.outbox import SCHEMA, Action
from activations.errors import HourbellError
from activations.journal import alike
from activations.journal.journal import open_journal
from activations.journal.place import sqlite_url
from activations.journal.rows import Settlement
from activations.journal.tables import JOURNAL

WORKFLOWS = ["abandoned_cart", "welcome", 'it\'s "odd"']
ENDS: list[dict[str, Any]] = [
    {"status": "accepted", "provider_message_id": "{id}"},
    {"status": "accepted", "provider_message_id": None, "attempts": 2},
    {"status": "accepted", "provider_message_id": "before\0{id}", "attempts": 3},
    {"status": "rejected", "reason": "400: größer, 'quoted'"},
    {"status": "unknown", "reason": "the answer never came", "attempts": 3},
]


def actions(number: int) -> Iterator[Action]:
    for each in range(number):
        row = action(each, workflow=WORKFLOWS[each % 7 % 3], step="a" if each % 5 else "b")
        yield Action(**{name: row[name] for name in SCHEMA.names})


def settlements(number: int) -> Iterator[Settlement]:
    for each in range(number):
        end = ENDS[each % 11 % 5]
        known_as = end.get("provider_message_id")
        action_id = action(each)["action_id"]
        yield Settlement(
            action_id, **{**end, "provider_message_id": known_as and known_as.format(id=f"péché 'x' {each}")}
        )


def journal_after(folder: Path, number: int) -> list[tuple[Any, ...]]:
    """All that the journal holds after a batch was claimed and settled."""
    with open_journal(sqlite_url(folder / "journal.sqlite")) as journal:
        batch = list(actions(number))
        ids = {each.action_id: f"<{each.action_id}@x>" for each in batch}
        claims = journal.claim(batch, ids, provider="x", now=NOW, attempts={batch[3].action_id: 2})
        assert len(claims.ours) == number
        journal.settle(list(settlements(number)), now=NOW)
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        # who it was is new each time
        names = ", ".join(column.name for column in JOURNAL.columns if column.name != "claimed_by")
        rows = connection.execute(f"select {names} from journal order by action_id").fetchall()
        return [*rows, *connection.execute("select * from open_actions order by action_id")]


@pytest.mark.parametrize("enough", [1, 20])
def test_many_are_written_as_each_by_itself(tmp_path: Path, enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("alone", "together"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(alike, "ENOUGH", 10_000)
    by_itself = journal_after(tmp_path / "alone", 300)
    monkeypatch.setattr(alike, "ENOUGH", enough)
    assert journal_after(tmp_path / "together", 300) == by_itself
    assert {row[7] for row in by_itself if len(row) > 1} == {"accepted", "rejected", "unknown"}


def test_groups_differ_in_nothing_else() -> None:
    rows = [(number, "x" if number % 2 else "y", f"text {number}", number % 3) for number in range(150)]
    one_of_a_kind = (150, "z", None, 0)
    groups = list(alike.alike(("action_id", "kind", "text", "rest"), "text", [*rows, one_of_a_kind]))
    assert [group for common, group in groups if common is None] == [[one_of_a_kind]]
    together = {(common["kind"], common["rest"]): group for common, group in groups if common is not None}
    assert together == {
        (kind, rest): [row for row in rows if (row[1], row[3]) == (kind, rest)] for kind in "xy" for rest in range(3)
    }


@pytest.mark.parametrize("number", [2, 50])
def test_what_is_settled_twice_at_once_is_said(tmp_path: Path, number: int) -> None:
    batch = list(actions(number))
    with open_journal(sqlite_url(tmp_path / "journal.sqlite")) as journal:
        journal.claim(batch, {each.action_id: "x" for each in batch}, provider="x", now=NOW)
        ends = [Settlement(each.action_id, "accepted") for each in batch]
        with pytest.raises(HourbellError, match="were settled by somebody else meanwhile"):
            journal.settle([*ends, ends[0]], now=NOW)
        assert journal.counts() == {("email", "accepted"): number}
