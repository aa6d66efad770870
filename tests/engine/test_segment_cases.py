"""Segments of what contacts say and do, against another system's cases: who belongs, moment by moment."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine

from dagster_project.ticks import transform
from dagster_project.ticks.windows import Window

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "segment_cases.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []
MODELS = ("changed_profiles", "segment_periods", "segment_changes")
# the segments that take the place of a case's own: the first, and its second, or the first as it is defined anew
SEGMENTS = ("birthday_soon", "dormant_contacts")
# that of subscriptions is about consent: tests/profiles/test_subscription_case.py
OF_SEGMENTS = [number for number, case in enumerate(CASES) if case["segments"]]

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/data/segment_cases.json is not here")

Node = Mapping[str, Any]


def definitions(case: Mapping[str, Any]) -> list[Node]:
    """Its segments, and what it defines anew."""
    changed = [step["segments"] for step in case["steps"] if step["type"] == "UpdateComputedProperty"]
    found = [segment["definition"] for segment in [*case["segments"], *(one for several in changed for one in several)]]
    assert len(found) <= len(SEGMENTS)
    return found


def as_segment(definition: Node) -> str:
    """A segment of the cases as a model of ours."""
    nodes = [node for node in (definition["entryNode"], *definition["nodes"]) if node["type"] != "And"]
    conditions, events, counted, latest, limits, looked_at = ["true"], [], {}, [], "", "ref('changed_profiles')"
    for node in nodes:
        name = f"node_{node['id']}"
        match node["type"]:
            case "Trait" if node["operator"]["type"] == "HasBeen":
                assert (node["operator"]["comparator"], len(nodes)) == ("LT", 1)
                told = f"property({name_of(node['path'])!r}) ~ \" = '{node['operator']['value']}'\""
                looked_at = f"profiles_holding({told}, since='has_been_since')"
                until = f"\"has_been_since + interval '{node['operator']['windowSeconds']} seconds'\""
                limits = f", since='has_been_since', until={until}"
            case "Trait" if node["operator"]["type"] == "Within":
                since = f"try_cast({{{{ property({name_of(node['path'])!r}) }}}} as timestamp)"
                conditions.append(f"{since} is not null")
                told = f"'try_cast(' ~ property({name_of(node['path'])!r}) ~ ' as timestamp)'"
                until = f"{told} ~ \" + interval '{node['operator']['windowSeconds']} seconds'\""
                limits = f", since={told}, until={until}"
            case "Trait":
                conditions.append(holds(node))
            case "Manual":
                conditions.append(f"{{{{ on_list('manual {node['version']}') }}}}")
            case "Performed":
                events.append(as_events(name, node, node.get("properties", ())))
                counted[name] = f"{node['withinSeconds']} seconds" if "withinSeconds" in node else None
                conditions.append(f"{name}_count {node.get('timesOperator', '>=')} {node.get('times', 1)}")
            case "LastPerformed":
                events.append(as_events(name, node, node["whereProperties"]))
                counted[name] = None
                latest.append(name)
                conditions.append(f"{name}_count > 0")
                conditions += [holds(one, f"{name}_latest") for one in node["hasProperties"]]
            case other:
                raise AssertionError(other)
    if counted:
        looked_at = f"profiles_with_events({json.dumps(counted).replace('null', 'none')}, latest={latest})"
    looked = f"looked_at as (select * from {{{{ {looked_at} }}}})"
    when = " and ".join(conditions)
    return (
        f"{{% set when %}}{when}{{% endset %}} with {', '.join([*events, looked])} "
        f"select contact_id, valid_from, {{{{ member(when=when{limits}) }}}} from looked_at"
    )


def as_events(name: str, node: Node, properties: Sequence[Node]) -> str:
    conditions = [f"event = '{node['event']}'", *(holds(one) for one in properties)]
    return f"{name} as (select * from {{{{ ref('events') }}}} where {' and '.join(conditions)})"


def holds(node: Node, of: str = "properties") -> str:
    """A condition on a property."""
    told, operator = f"{{{{ property({name_of(node['path'])!r}, of={of!r}) }}}}", node["operator"]
    value = operator.get("value")
    match operator["type"]:
        case "Equals":
            return f"{told} = '{value}'"
        case "NotEquals":
            return f"{told} is distinct from '{value}'"
        case "LessThan":
            return f"try_cast({told} as double) < {value}"
        case "GreaterThanOrEqual":
            return f"try_cast({told} as double) >= {value}"
        case "Exists":
            return f"{told} <> ''"
        case "NotExists":
            return f"coalesce({told}, '') = ''"
        case other:
            raise AssertionError(other)


def name_of(path: str) -> str:
    """What a path names; one with spaces is in brackets."""
    return path.removeprefix("$").strip("[]\"'")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


@pytest.fixture(scope="module")
def sql(shop: Engine) -> dict[str, str]:
    """The models of segments, with those of all cases in the place of two: contacts of a case have its number."""
    contents = {name: transform.manifest().nodes[f"model.hourbell.{name}"].raw_code for name in MODELS}
    for place, segment in enumerate(SEGMENTS):
        told = [(number, definitions(CASES[number])) for number in OF_SEGMENTS]
        contents[segment] = " union all ".join(
            f"select * from ({as_segment(defined[place])}) where contact_id // 1000 = {number}"
            for number, defined in told
            if len(defined) > place
        )
    also = ["changed_profiles", "contact_profile_versions", "events", "contact_merges"]
    return compiled(shop.home, contents, also)


@pytest.fixture
def warehouse(sql: Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_warehouse() as connection:
        connection.execute("create schema contacts; create schema segments")
        connection.execute(
            "create table contacts.contact_profile_versions (contact_id bigint, valid_from timestamp, "
            "properties varchar, is_repeated boolean, merged_into_contact_id bigint, is_erased boolean)"
        )
        connection.execute(
            "create table contacts.events (contact_id bigint, event varchar, properties varchar, "
            "occurred_at timestamp, effective_at timestamp)"
        )
        connection.execute(
            "create table contacts.contact_merges (contact_id bigint, into_contact_id bigint, merged_at timestamp)"
        )
        connection.execute("create table segments.segment_definitions (segment varchar, changed_at timestamp)")
        connection.execute(f"create table contacts.changed_profiles as {sql['changed_profiles']}")
        period = "contact_id bigint, valid_from timestamp, member_from timestamp, member_until timestamp"
        for segment in transform.manifest().nodes["model.hourbell.segment_periods"].depends_on.nodes:
            name = segment.rpartition(".")[2]
            if name not in (*SEGMENTS, "segment_definitions", "contact_merges"):
                connection.execute(f"create table segments.{name} ({period})")
        for name in SEGMENTS:
            connection.execute(f"create view segments.{name} as {sql[name]}")
        connection.execute(
            "create table segments.segment_periods (segment varchar, contact_id bigint, valid_from timestamp, "
            "member_from timestamp, member_until timestamp, is_withdrawn boolean, is_redefined boolean, "
            "goes_on_as_another boolean, tick_end timestamp)"
        )
        connection.execute(f"create table segments.segment_changes as {sql['segment_changes']}")
        yield connection


def tick(connection: duckdb.DuckDBPyConnection, sql: Mapping[str, str], window: Window) -> None:
    set_window(connection, window)
    connection.execute(f"create or replace table contacts.changed_profiles as {sql['changed_profiles']}")
    for model in MODELS[1:]:
        connection.execute(f"insert into segments.{model} by name {sql[model]}")


def members(connection: duckdb.DuckDBPyConnection, segment: str) -> set[int]:
    rows = connection.execute(
        "select contact_id from segments.segment_changes where segment = ? group by contact_id "
        "having max_by(change, changed_at) in ('entered', 'ruled in')",
        [segment],
    ).fetchall()
    return {contact for (contact,) in rows}


def learn(
    connection: duckdb.DuckDBPyConnection, contact: int, known: Mapping[str, object], event: Mapping[str, Any]
) -> Mapping[str, object]:
    """A profile from the moment on in which something was heard of the contact, and what it did."""
    said, at = {**known, **event.get("traits", {})}, moment(event["timestamp"])
    did = event.get("properties", {})
    if event["type"] == "track":
        connection.execute(
            "insert into contacts.events values (?, ?, ?, ?, ?)", [contact, event["event"], json.dumps(did), at, at]
        )
    if event.get("event") == "DFManualSegmentUpdate":
        # somebody put it on a list of theirs, as join_list does here
        said[f"list:manual {did['version']}"] = str(bool(did["inSegment"])).lower()
    connection.execute(
        "delete from contacts.contact_profile_versions where contact_id = ? and valid_from = ?", [contact, at]
    )
    connection.execute(
        "insert into contacts.contact_profile_versions values (?, ?, ?, false, null, false)",
        [contact, at, json.dumps(said)],
    )
    return said


@pytest.mark.parametrize("number", OF_SEGMENTS, ids=lambda number: str(number))
def test_who_belongs_is_as_the_case_has_it(
    warehouse: duckdb.DuckDBPyConnection, sql: Mapping[str, str], number: int
) -> None:
    steps: Sequence[Mapping[str, Any]] = CASES[number]["steps"]
    names = [segment["name"] for segment in CASES[number]["segments"]]
    contacts: dict[str, int] = {}
    known: dict[int, Mapping[str, object]] = {}
    decided_until = moment(CASES[number]["start"]) - timedelta(days=1)
    looked_at = 0
    for step in steps:
        if step["type"] == "SubmitEvents":
            for event in step["events"]:
                contact = contacts.setdefault(event["userId"], 1_000 * number + len(contacts))
                known[contact] = learn(warehouse, contact, known.get(contact, {}), event)
        elif step["type"] == "UpdateComputedProperty":
            warehouse.execute(f"create or replace view segments.{SEGMENTS[0]} as {sql[SEGMENTS[1]]}")
            warehouse.execute("insert into segments.segment_definitions values (?, ?)", [SEGMENTS[0], decided_until])
        elif step["type"] == "ComputeProperties" and moment(step["at"]) > decided_until:
            tick(warehouse, sql, Window(decided_until, moment(step["at"])))
            decided_until = moment(step["at"])
        elif step["type"] == "Assert":
            for user in step.get("users", ()):
                for name, is_member in user.get("segments", {}).items():
                    found = contacts[user["id"]] in members(warehouse, SEGMENTS[names.index(name)])
                    assert found == bool(is_member), (user["id"], name, step.get("description", step["at"]))
                    looked_at += 1
    assert looked_at
