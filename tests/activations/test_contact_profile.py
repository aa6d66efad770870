"""Properties that workflows set come back as events, each once."""

import json
import signal
from pathlib import Path
from typing import Any

import crashing
import polars as pl
import pytest
import yaml
from rehearsal import NOW, Place, action, write_outbox

from activations.errors import HourbellError
from data.contract import FOLDER


def property_action(number: int, **changes: Any) -> dict[str, Any]:
    gold = {
        "kind": "set_property",
        "channel": "profile",
        "address": str(number),
        "template": None,
        "context": json.dumps({"property": "loyalty_tier", "value": "gold"}),
    }
    return action(number, **{**gold, **changes})


def events(place: Place) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in sorted(place.spool.glob("events/*.parquet")))


def test_a_property_becomes_an_identify_event(place: Place) -> None:
    tag = json.dumps({"property": "tag:sunset", "value": True})
    rows = [property_action(1), property_action(2, kind="add_tag", context=tag, profile='{"email": "b@example.com"}')]
    write_outbox(place.outbox, rows, channel="profile")
    account = place.deliver(1)
    assert account.accepted == 2
    found = events(place)
    contract = yaml.safe_load((FOLDER / "events.yml").read_text())
    assert found.columns == [column["name"] for column in contract["columns"]]
    assert found["type"].to_list() == ["identify"] * 2
    assert found["user_id"].to_list() == ["u1", None]
    assert found["email"].to_list() == [None, "b@example.com"]
    assert [json.loads(traits) for traits in found["traits"]] == [{"loyalty_tier": "gold"}, {"tag:sunset": True}]
    assert found["message_id"].to_list() == [f"hourbell-{row['action_id']}" for row in rows]
    assert found["occurred_at"].to_list() == [NOW, NOW]
    assert place.deliver(1).already_settled == 2
    assert events(place).height == 2


def test_starting_and_stopping_a_workflow_become_events_of_it(place: Place) -> None:
    told = {"workflow": "winback", "cart_value": 49.9}
    rows = [
        property_action(1, kind="start_workflow", context=json.dumps(told)),
        property_action(2, kind="stop_workflow", context=json.dumps({"workflow": "winback"})),
    ]
    write_outbox(place.outbox, rows, channel="profile")
    assert place.deliver(1).accepted == 2
    found = events(place)
    assert found["type"].to_list() == ["track"] * 2
    assert found["event"].to_list() == ["Workflow Started", "Workflow Stopped"]
    assert [json.loads(properties) for properties in found["properties"]] == [told, {"workflow": "winback"}]
    assert found["user_id"].to_list() == ["u1", "u2"]
    assert found["traits"].to_list() == [None, None]
    assert found["source"].to_list() == ["hourbell"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "start_workflow", "context": "{}"},
        {"kind": "stop_workflow", "context": '{"workflow": 7}'},
        {"context": "{}"},
        {"context": '{"property": "", "value": 1}'},
        {"context": '{"property": "x"}'},
        {"context": "["},
        {"profile": "{}"},
        {"profile": None},
        {"kind": "send"},
    ],
)
def test_what_cannot_be_written_is_rejected(place: Place, changes: dict[str, Any]) -> None:
    write_outbox(place.outbox, [property_action(1, **changes), property_action(2)], channel="profile")
    account = place.deliver(1)
    assert (account.accepted, account.rejected) == (1, 1)
    assert events(place).height == 1


@pytest.mark.parametrize("point", ["claimed", "answered"])
def test_killed_and_run_again(place: Place, point: str) -> None:
    """Keyed: it is written again under the same id, of which landing takes one."""
    write_outbox(place.outbox, [property_action(number) for number in range(60)], channel="profile")
    process = crashing.start(place, 1, point=point)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    account = place.deliver(1)
    assert account.adds_up
    assert account.accepted == 40
    assert events(place)["message_id"].n_unique() == 60


def test_a_spool_that_cannot_be_written_loses_nothing(place: Place) -> None:
    write_outbox(place.outbox, [property_action(1)], channel="profile")
    place.spool.write_text("in the way")
    with pytest.raises(HourbellError, match=str(place.spool)):
        place.deliver(1)
    Path(place.spool).unlink()
    assert place.deliver(1).accepted == 1
    assert events(place).height == 1
