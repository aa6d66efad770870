"""Segments of what contacts say of themselves, against another system's cases: who belongs, moment by moment."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from compiled_macros import compiled, set_window, small_warehouse
from engine_world import Engine

from dagster_project import transform
from dagster_project.windows import Window

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "segment_cases.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []
MODELS = ("changed_profiles", "segment_periods", "segment_changes")
# the segment that takes the place of the cases' own
SEGMENT = "birthday_soon"

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/data/segment_cases.json is not here")


def is_of_traits(case: Mapping[str, Any]) -> bool:
    """Whether it asks for properties alone: not for counted events, lists, or how long something has been so."""
    nodes = [node for segment in case["segments"] for node in all_nodes(segment["definition"])]
    return bool(nodes) and all(
        node["type"] == "And" or (node["type"] == "Trait" and node["operator"]["type"] != "HasBeen") for node in nodes
    )


def all_nodes(definition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [definition["entryNode"], *definition["nodes"]]


def as_member(definition: Mapping[str, Any]) -> str:
    """A segment of the cases in the words of ours."""
    conditions, times = [], []
    for node in all_nodes(definition):
        if node["type"] == "And":
            continue
        told, operator = f"property({name_of(node['path'])!r})", node["operator"]
        value = operator.get("value")
        match operator["type"]:
            case "Equals":
                conditions.append(f"{told} ~ \" = '{value}'\"")
            case "NotEquals":
                conditions.append(f"{told} ~ \" is distinct from '{value}'\"")
            case "LessThan":
                conditions.append(f"'try_cast(' ~ {told} ~ ' as double) < {value}'")
            case "NotExists":
                conditions.append(f"\"coalesce(\" ~ {told} ~ \", '') = ''\"")
            case "Within":
                moment = f"'try_cast(' ~ {told} ~ ' as timestamp)'"
                times.append(
                    f", since={moment}, until={moment} ~ \" + interval '{operator['windowSeconds']} seconds'\""
                )
    assert len(times) <= 1
    return "{{ member(when=" + " ~ ' and ' ~ ".join(conditions) + "".join(times) + ") }}"


def name_of(path: str) -> str:
    """What a path names; one with spaces is in brackets."""
    return path.removeprefix("$").strip("[]\"'")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


@pytest.fixture(scope="module")
def sql(shop: Engine) -> dict[str, str]:
    """The models of segments, with those of all cases in the place of one: contacts of a case have its number."""
    chosen = [(number, case) for number, case in enumerate(CASES) if is_of_traits(case)]
    assert len(chosen) == 10
    contents = {name: transform.manifest().nodes[f"model.hourbell.{name}"].raw_code for name in MODELS}
    contents[SEGMENT] = " union all ".join(
        f"select contact_id, valid_from, {as_member(case['segments'][0]['definition'])} "
        f"from {{{{ ref('changed_profiles') }}}} where contact_id // 1000 = {number}"
        for number, case in chosen
    )
    return compiled(shop.home, contents)


@pytest.fixture
def warehouse(sql: Mapping[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    with small_warehouse() as connection:
        connection.execute("create schema contacts; create schema segments")
        connection.execute(
            "create table contacts.contact_profile_versions (contact_id bigint, valid_from timestamp, "
            "properties varchar, is_repeated boolean, merged_into_contact_id bigint, is_erased boolean)"
        )
        connection.execute(f"create table contacts.changed_profiles as {sql['changed_profiles']}")
        period = "contact_id bigint, valid_from timestamp, member_from timestamp, member_until timestamp"
        for segment in transform.manifest().nodes["model.hourbell.segment_periods"].depends_on.nodes:
            name = segment.rpartition(".")[2]
            if name != SEGMENT:
                connection.execute(f"create table segments.{name} ({period})")
        connection.execute(f"create view segments.{SEGMENT} as {sql[SEGMENT]}")
        for model in MODELS[1:]:
            connection.execute(f"create table segments.{model} as {sql[model]}")
        yield connection


def tick(connection: duckdb.DuckDBPyConnection, sql: Mapping[str, str], window: Window) -> None:
    set_window(connection, window)
    connection.execute(f"create or replace table contacts.changed_profiles as {sql['changed_profiles']}")
    for model in MODELS[1:]:
        connection.execute(f"insert into segments.{model} by name {sql[model]}")


def members(connection: duckdb.DuckDBPyConnection) -> set[int]:
    rows = connection.execute(
        "select contact_id from segments.segment_changes group by contact_id "
        "having max_by(change, changed_at) = 'entered'"
    ).fetchall()
    return {contact for (contact,) in rows}


def learn(
    connection: duckdb.DuckDBPyConnection, contact: int, known: Mapping[str, object], event: Mapping[str, Any]
) -> Mapping[str, object]:
    """A profile from the moment on in which something was said of the contact."""
    said = {**known, **event.get("traits", {})}
    connection.execute(
        "insert into contacts.contact_profile_versions values (?, ?, ?, false, null, false)",
        [contact, moment(event["timestamp"]), json.dumps(said)],
    )
    return said


@pytest.mark.parametrize(
    "number", [number for number, case in enumerate(CASES) if is_of_traits(case)], ids=lambda number: str(number)
)
def test_who_belongs_is_as_the_case_has_it(
    warehouse: duckdb.DuckDBPyConnection, sql: Mapping[str, str], number: int
) -> None:
    steps: Sequence[Mapping[str, Any]] = CASES[number]["steps"]
    contacts: dict[str, int] = {}
    known: dict[int, Mapping[str, object]] = {}
    decided_until = moment(CASES[number]["start"]) - timedelta(days=1)
    looked_at = 0
    for step in steps:
        if step["type"] == "SubmitEvents":
            for event in step["events"]:
                contact = contacts.setdefault(event["userId"], 1_000 * number + len(contacts))
                known[contact] = learn(warehouse, contact, known.get(contact, {}), event)
        elif step["type"] == "ComputeProperties" and moment(step["at"]) > decided_until:
            tick(warehouse, sql, Window(decided_until, moment(step["at"])))
            decided_until = moment(step["at"])
        elif step["type"] == "Assert":
            expected = {
                contacts[user["id"]]: is_member
                for user in step.get("users", ())
                for is_member in [any(user.get("segments", {}).values())]
                if user.get("segments")
            }
            found = members(warehouse)
            assert {contact: contact in found for contact in expected} == expected, step.get("description", step["at"])
            looked_at += len(expected)
    assert looked_at
