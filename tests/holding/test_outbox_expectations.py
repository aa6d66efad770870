"""Each expectation of the gate out fails on a fault of its own, and names the workflow that it is about."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from dagster_project.gate_out import examine as gate
from dagster_project.gate_out.examine import EXPECTATIONS, Fault, examine

TICK_END = datetime(2026, 3, 2, 10)
HOUR = timedelta(hours=1)
Row = dict[str, Any]
Examined = Callable[..., list[Fault]]


def leaving(number: int, **changes: Any) -> Row:
    """An action of the outbox with nothing wrong, and what a second look found of it."""
    row = {
        "action_id": number,
        "tick_end": TICK_END,
        "workflow": "abandoned_cart",
        "step": "reminder",
        "enrollment_id": number,
        "contact_id": number,
        "kind": "send",
        "channel": "email",
        "address": f"person{number}@example.com",
        "template": "cart_reminder",
        "topic": "offers",
        "topic_kind": "promotional",
        "send_after": TICK_END,
        "expires_at": TICK_END + HOUR,
        "seen": {
            "address_type": "email",
            "registered_topic_kind": "promotional",
            "requires_consent": True,
            "stated_last": "granted",
            "broken_cap": None,
            "is_erased": False,
            "has_complained": False,
            "exit_reason": None,
            "assignment": "treated",
            "definition_version": "1",
            "repeated_steps": 0,
            "entries": 1,
            "is_out_of_order": False,
            "is_sent_before": False,
            "is_out_of_window": False,
        },
    }
    seen = {**row["seen"], **changes.pop("seen", {})}
    return {**row, **changes, "seen": seen}


FINE = [
    leaving(1),
    leaving(2, address="o'neil+shop@mail.example.co.uk"),
    leaving(
        3,
        workflow="post_purchase",
        step="thanks",
        template="post_purchase_thanks",
        topic="service",
        topic_kind="transactional",
        seen={
            "registered_topic_kind": "transactional",
            "requires_consent": False,
            "stated_last": None,
            "has_complained": True,
        },
    ),
    leaving(
        4,
        workflow="reengagement",
        step="sunset",
        kind="add_tag",
        channel="profile",
        address="4",
        template=None,
        seen={"address_type": "contact", "stated_last": "withdrawn", "has_complained": True},
    ),
    leaving(5, channel="sms", address="+447700900123", seen={"address_type": "phone"}),
]

# what is put wrong with the first action, by the reason that is to be given
FAULTS: Mapping[str, Row] = {
    "an action without a number": {"action_id": None},
    "the same action twice": {"action_id": 2},
    "sent by an earlier tick already, or not looked at a second time": {"seen": {"is_sent_before": True}},
    "a channel that is not registered": {"channel": "pigeon"},
    "in the file of another channel": {"channel": "sms", "file": "email"},
    "a step that is not registered": {"step": "remainder"},
    "a template that is not there": {"template": "cart_remainder"},
    "no address": {"address": None},
    "not an address of its channel": {"address": "person1 at example.com"},
    "a change to somebody else": {"kind": "set_property", "address": "2"},
    "of another tick": {"tick_end": TICK_END - HOUR},
    "too late to be sent, or to be sent before its tick": {"expires_at": TICK_END},
    "a topic that is not registered": {"seen": {"registered_topic_kind": None}},
    "passed off as another kind of topic": {"topic_kind": "transactional"},
    "no consent": {"seen": {"stated_last": None}},
    "consent was withdrawn": {"seen": {"stated_last": "withdrawn", "requires_consent": False}},
    "asked to be forgotten": {"seen": {"is_erased": True}},
    "has complained of our messages": {"seen": {"has_complained": True}},
    "more than a frequency cap allows": {"seen": {"broken_cap": "one marketing message a day"}},
    "has left the workflow": {"seen": {"exit_reason": "converted"}},
    "held out, or never reached the step": {"seen": {"assignment": "holdout"}},
    "at two places of the workflow at once": {"seen": {"repeated_steps": 1}},
    "reached its step outside of the tick": {"seen": {"is_out_of_window": True}},
}
MORE = [
    ("sent by an earlier tick already, or not looked at a second time", {"unseen": True}),
    ("not an address of its channel", {"channel": "sms", "address": "07700 900123", "seen": {"address_type": "phone"}}),
    ("too late to be sent, or to be sent before its tick", {"send_after": TICK_END - HOUR}),
    ("too late to be sent, or to be sent before its tick", {"send_after": TICK_END + HOUR}),
    ("no consent", {"seen": {"requires_consent": None, "stated_last": None}}),
    ("held out, or never reached the step", {"seen": {"assignment": None}}),
    ("at two places of the workflow at once", {"seen": {"entries": 2}}),
    ("at two places of the workflow at once", {"seen": {"is_out_of_order": True}}),
    ("reached its step outside of the tick", {"seen": {"is_out_of_window": None}}),
    ("a template that is not there", {"template": None}),
    ("a template that is not there", {"template": "layout"}),
]


@pytest.fixture
def examined(tmp_path: Path) -> Examined:
    """Examine rows as the files of a tick."""

    def run(rows: list[Row]) -> list[Fault]:
        files: dict[str, list[Row]] = {}
        evidence = []
        for row in rows:
            plain = {name: value for name, value in row.items() if name not in ("seen", "file", "unseen")}
            files.setdefault(row.get("file", row["channel"]), []).append(plain)
            if not row.get("unseen"):
                evidence.append({"action_id": row["action_id"], **row["seen"]})
        paths = []
        for name, listed in files.items():
            paths.append(tmp_path / f"{name}.parquet")
            pl.DataFrame(listed, infer_schema_length=None).with_columns(pl.col("template").cast(str)).write_parquet(
                paths[-1]
            )
        pl.DataFrame(evidence, infer_schema_length=None).with_columns(
            pl.col("broken_cap", "exit_reason").cast(str)
        ).write_parquet(tmp_path / "evidence")
        with duckdb.connect() as connection:
            connection.execute("create schema configuration")
            connection.execute(
                "create table configuration.channels as select unnest(['email', 'sms', 'profile']) as channel"
            )
            return examine(connection, paths, tmp_path / "evidence", tick_end=TICK_END, templates=TEMPLATES)

    return run


@pytest.fixture
def expect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have nothing expected but these, entries as expectations.yml has them."""

    def state(*entries: Mapping[str, Any]) -> None:
        own = tmp_path / "own.yml"
        own.write_text(json.dumps(entries))
        monkeypatch.setattr(gate, "EXPECTATIONS", own)

    return state


def test_actions_with_nothing_wrong_pass(examined: Examined) -> None:
    assert examined(FINE) == []


@pytest.mark.parametrize(("reason", "fault"), [*FAULTS.items(), *MORE])
def test_a_fault_is_found_and_its_workflow_named(examined: Examined, reason: str, fault: Row) -> None:
    found = {one.reason: one for one in examined([leaving(1, **fault), *FINE[1:]])}
    assert reason in found
    assert found[reason].workflow == "abandoned_cart"
    assert found[reason].actions == (2 if reason == "the same action twice" else 1)


def test_every_expectation_has_a_fault() -> None:
    stated = [entry["reason"] for entry in yaml.safe_load(EXPECTATIONS.read_text())]
    assert sorted(stated) == sorted(FAULTS)


def test_an_expectation_that_is_taken_away_is_missed(examined: Examined, expect: Callable[..., None]) -> None:
    """The seeds fail for their own expectation, and not for whatever else is asked."""
    stated = yaml.safe_load(EXPECTATIONS.read_text())
    for reason in ("consent was withdrawn", "more than a frequency cap allows", "has left the workflow"):
        expect(*(entry for entry in stated if entry["reason"] != reason))
        assert examined([leaving(1, **FAULTS[reason]), *FINE[1:]]) == []


def test_each_workflow_has_its_own_faults(examined: Examined) -> None:
    faults = examined(
        [leaving(1, address=None), leaving(6, address=None), *FINE[1:4], {**FINE[2], "action_id": 7, "address": None}]
    )
    assert [(fault.workflow, fault.actions) for fault in faults] == [("abandoned_cart", 2), ("post_purchase", 1)]
    assert str(faults[0]) == "2 × no address (as action 1)"


def test_what_cannot_be_evaluated_is_no_success(examined: Examined, expect: Callable[..., None]) -> None:
    expect({"expect": "rows_to_satisfy", "condition": "no_such_column", "reason": "a slip"})
    with pytest.raises(HourbellError, match="a slip"):
        examined(FINE)


def test_what_only_rendering_reads_can_be_asked_for(examined: Examined, expect: Callable[..., None]) -> None:
    expect({"expect": "rows_to_satisfy", "condition": "context is not null", "reason": "no context"})
    (fault,) = examined([leaving(1, context=None), leaving(2, context="{}")])
    assert str(fault) == "1 × no context (as action 1)"
