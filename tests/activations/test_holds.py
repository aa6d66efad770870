"""What is held is not sent; a release sends exactly what was shown, and what was dropped never goes."""

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rehearsal import NOW, Place, action, write_outbox

from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import SCHEMA
from activations.errors import HourbellError
from activations.holds.approvals import approval_of, approve, approve_content
from activations.holds.content import Content, digest_of_templates
from activations.holds.hold import About, Hold, choose, forget_holds, holds_of, standing_holds, write_hold
from activations.journal.journal import open_journal
from activations.sandbox.server import Sandbox

HOUR = timedelta(hours=1)
HELD = [action(number, expires_at=NOW + timedelta(hours=6)) for number in range(20)]


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """The templates, to change at will."""
    return Path(shutil.copytree(TEMPLATES, tmp_path / "templates"))


def hold_back(place: Place, rows: Sequence[dict[str, Any]] = HELD, workflow: str = "abandoned_cart") -> None:
    """Hold rows back as the gate out does."""

    def write_files(folder: Path) -> None:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), folder / "email.parquet")

    about = About(
        workflow, NOW - HOUR, NOW, ("20 actions where about 1 are usual",), len(rows), {"reminder": len(rows)},
        {"email": len(rows)}, {"cart_reassurance": len(rows)}, ("1",), min(row["expires_at"] for row in rows),
    )  # fmt: skip
    write_hold(place.outbox / f"tick={NOW:%Y%m%dT%H%M%SZ}", about, write_files)


def only_hold(place: Place, templates: Path) -> Hold:
    (hold,) = standing_holds(place.outbox, templates)
    return hold


def deliver(place: Place, sandbox: Sandbox, templates: Path, **more: Any) -> DeliveryAccount:
    account = place.deliver(sandbox, templates=templates, **more)
    assert account.adds_up
    return account


def reword(templates: Path) -> None:
    path = templates / "cart_reassurance" / "subject.liquid"
    path.write_text("Ninety per cent off everything")


def test_what_is_held_waits_until_it_is_released_and_goes_once(place: Place, sandbox: Sandbox, templates: Path) -> None:
    hold_back(place)
    write_outbox(place.outbox, [action(number, workflow="welcome_series") for number in range(100, 105)])
    for _ in range(2):
        account = deliver(place, sandbox, templates)
        assert (len(place.recipients()), account.waiting) == (5, 20)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    assert deliver(place, sandbox, templates).accepted == 20
    assert standing_holds(place.outbox, templates) == []
    assert deliver(place, sandbox, templates).accepted == 0
    assert set(place.recipients().values()) == {1}
    assert len(place.recipients()) == 25


def test_a_release_covers_the_template_that_was_shown(place: Place, sandbox: Sandbox, templates: Path) -> None:
    hold_back(place)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    reword(templates)
    for _ in range(2):
        assert deliver(place, sandbox, templates).waiting == 20
    again = only_hold(place, templates)
    assert "the template cart_reassurance" in again.reasons[0]
    assert "released by ann" in again.reasons[0]
    assert place.recipients() == {}
    again.decide("release", by="ann", at=NOW)
    assert deliver(place, sandbox, templates).accepted == 20


@pytest.mark.parametrize(
    "shared", ["layout/body.mjml.liquid", "blocks/why.html.liquid", "shop.yml", "cart_reassurance/preheader.liquid"]
)
def test_a_release_covers_all_that_is_in_the_message(place: Place, templates: Path, shared: str) -> None:
    hold_back(place)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    assert standing_holds(place.outbox, templates) == []
    with (templates / shared).open("a") as file:
        file.write("\n")
    assert len(standing_holds(place.outbox, templates)) == 1


def test_a_release_covers_the_rows_that_were_shown(place: Place, sandbox: Sandbox, templates: Path) -> None:
    hold_back(place)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    hold_back(place, [*HELD, action(99)])
    assert deliver(place, sandbox, templates).waiting == 21
    assert "what goes out by email" in only_hold(place, templates).reasons[0]
    hold_back(place)
    assert deliver(place, sandbox, templates).accepted == 20


def test_what_was_decided_while_it_changed_is_no_decision_about_the_change(place: Place, templates: Path) -> None:
    hold_back(place)
    shown = only_hold(place, templates)
    assert shown.content.digest
    reword(templates)
    shown.decide("release", by="ann", at=NOW)
    assert len(standing_holds(place.outbox, templates)) == 1


def test_a_release_without_its_content_is_caught(
    place: Place, sandbox: Sandbox, templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Content, "digest", property(lambda content: "the same"))
    hold_back(place)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    reword(templates)
    hold_back(place, [*HELD, action(99)])
    assert deliver(place, sandbox, templates).accepted == 21


def test_what_is_dropped_never_goes(place: Place, sandbox: Sandbox, templates: Path) -> None:
    hold_back(place)
    only_hold(place, templates).decide("drop", by="ann", at=NOW, note="a lost window")
    reword(templates)
    assert deliver(place, sandbox, templates).rejected == 20
    assert standing_holds(place.outbox, templates) == []
    # its tick runs again: once held as before, once without a reason to hold it
    hold_back(place)
    assert deliver(place, sandbox, templates).waiting == 0
    forget_holds(place.outbox / f"tick={NOW:%Y%m%dT%H%M%SZ}", but=())
    write_outbox(place.outbox, HELD)
    account = deliver(place, sandbox, templates)
    assert (account.accepted, account.already_settled) == (0, 20)
    assert place.recipients() == {}
    with open_journal(place.journal_url, place.receipts) as journal:
        assert [row[-2:] for row in journal.reasons(["rejected"])] == [
            (f"dropped by ann on {NOW:%Y-%m-%d %H:%M} UTC: a lost window", 20)
        ]


def test_what_is_held_too_long_expires(place: Place, sandbox: Sandbox, templates: Path) -> None:
    late = [action(number, expires_at=NOW + HOUR) for number in range(50, 53)]
    hold_back(place, [*HELD, *late])
    account = deliver(place, sandbox, templates, now=NOW + 2 * HOUR)
    assert (account.expired, account.waiting) == (3, 20)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    account = deliver(place, sandbox, templates, now=NOW + 2 * HOUR)
    assert (account.accepted, account.already_settled) == (20, 3)


def test_a_release_that_was_half_delivered_can_be_held_again(place: Place, sandbox: Sandbox, templates: Path) -> None:
    later = [action(number, send_after=NOW + HOUR) for number in range(50, 53)]
    hold_back(place, [*HELD, *later])
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    account = deliver(place, sandbox, templates)
    assert (account.accepted, account.waiting) == (20, 3)
    reword(templates)
    assert deliver(place, sandbox, templates, now=NOW + 2 * HOUR).accepted == 0
    only_hold(place, templates).decide("drop", by="ann", at=NOW)
    account = deliver(place, sandbox, templates, now=NOW + 2 * HOUR)
    assert (account.rejected, account.already_settled) == (3, 20)
    assert len(place.recipients()) == 20


def test_a_template_that_changes_after_all_is_sent_holds_nothing(
    place: Place, sandbox: Sandbox, templates: Path
) -> None:
    hold_back(place)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    deliver(place, sandbox, templates)
    reword(templates)
    assert standing_holds(place.outbox, templates) == []


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("step", range(1, 8))
def test_killed_while_holding_back_leaves_nothing_to_deliver(
    place: Place, sandbox: Sandbox, templates: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    hold_back(place)
    only_hold(place, templates).decide("release", by="ann", at=NOW)
    calls = 0

    def until_killed(real: Any) -> Any:
        def called(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == step:
                raise Killed
            return real(*arguments, **named)

        return called

    with monkeypatch.context() as patch:
        for name in ("mkdir", "replace", "unlink", "rmdir"):
            patch.setattr(Path, name, until_killed(getattr(Path, name)))
        with pytest.raises(Killed):
            hold_back(place, [action(number) for number in range(50, 70)])
    deliver(place, sandbox, templates)
    # what ann has seen may go; nothing else may
    assert set(place.recipients()) <= {row["address"] for row in HELD}
    hold_back(place, [action(number) for number in range(50, 70)])
    assert len(standing_holds(place.outbox, templates)) == 1


def test_an_unknown_hold_is_refused_by_name(place: Place, templates: Path) -> None:
    hold_back(place)
    holds = holds_of(place.outbox, templates)
    with pytest.raises(HourbellError, match=r"abandoned_basket.*abandoned_cart, tick 2026-03-02T10:00"):
        choose(holds, "abandoned_basket", None)
    with pytest.raises(HourbellError, match="2026-03-02T09:00"):
        choose(holds, "abandoned_cart", NOW - HOUR)
    assert choose(holds, None, NOW) == holds


def test_an_approval_covers_what_was_released_and_remembers_it(tmp_path: Path, templates: Path) -> None:
    names = ["cart_reassurance", "cart_reminder"]
    first = digest_of_templates(templates, names)
    approve_content(tmp_path, "abandoned_cart", by="ann", at=NOW, definitions=["1"], templates=first)
    reword(templates)
    second = digest_of_templates(templates, names)
    known = approval_of(tmp_path, "abandoned_cart")
    assert known is not None
    assert known.lacks(["1"], first) == []
    assert known.lacks(["2"], second) == ["its SQL", "the template cart_reassurance"]
    approve_content(tmp_path, "abandoned_cart", by="bob", at=NOW, definitions=["2"], templates=second)
    known = approval_of(tmp_path, "abandoned_cart")
    assert known is not None
    assert known.lacks(["1", "2"], first) == known.lacks(["1", "2"], second) == []
    assert approval_of(tmp_path, "welcome_series") is None
    approve(tmp_path, "welcome_series", by="ann", at=NOW)
    whatever = approval_of(tmp_path, "welcome_series")
    assert whatever is not None
    assert whatever.lacks(["9"], second) == []
