"""One contact through a whole workflow in compressed time, in a copy of the warehouse: the steps, what they do, and
what the gates would say of it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from activations.settings.shop import read_shop
from dagster_project.explain import find_contact
from dagster_project.history.trial import copied
from dagster_project.home import Home
from dagster_project.preview.branches import literals_of
from dagster_project.preview.found import OWN, Preview, Shown, Stop
from dagster_project.preview.gates import Gates
from dagster_project.preview.invented import (
    MADE_BY_ENTRIES,
    agree_to_all,
    insert,
    invent_entry,
    invent_profile,
    repeat_profile,
)
from dagster_project.preview.showing import Showing, address_types_of
from dagster_project.preview.travel import Travel, inserted_query
from dagster_project.registry import longest_path, registered_workflows
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.transform import manifest
from dagster_project.ticks.windows import Window, last_completed
from dagster_project.warehouse import open_warehouse

# longer than any wait that looks at the day of the week takes beyond the longest path
_BEYOND = "8 days"


def preview(home: Home, workflow: str, contact: str | None = None, templates: Path = TEMPLATES) -> Preview:
    """One contact, by id or identifier, through the whole workflow from the last tick on; an invented one where none is
    given. Nothing of it touches the warehouse.

    Who has entered before carries along what they carried then; else what is usual stands in for it. Nothing comes in
    meanwhile, so that nobody leaves early. Raises HourbellError where there is no such workflow, contact or history.
    """
    known = registered_workflows()
    if workflow not in known:
        raise HourbellError(f"There is no workflow {workflow!r}. The registry has {', '.join(known)}.")
    with copied(home) as copy:
        statements = compile_tick(copy)
        with open_warehouse(copy) as connection:
            return _previewed(connection, (home, copy), workflow, contact, statements, templates)


def _previewed(
    connection: duckdb.DuckDBPyConnection,
    homes: tuple[Home, Home],
    workflow: str,
    contact: str | None,
    statements: Sequence[Statement],
    templates: Path,
) -> Preview:
    at = last_completed(connection)
    assert at is not None
    steps = {one.model.removeprefix(f"{workflow}__"): one for one in statements if one.scope == workflow}
    entered, exited = steps.pop("entered"), steps.pop("exited", None)
    is_invented = contact is None
    profile = (
        invent_profile(connection, at)
        if contact is None
        else _profile_of(connection, find_contact(connection, contact))
    )
    shop = read_shop(templates)
    row, source = _entry(connection, entered.table, profile, at, shop.currency)
    for statement in (entered, *steps.values(), *([exited] if exited else [])):
        connection.execute(f"delete from {statement.table}")
    carried = {name: value for name, value in row.items() if name not in MADE_BY_ENTRIES}
    made = {"enrollment_id": OWN, "contact_id": profile["contact_id"], "assignment": "treated"}
    row |= made | {"definition_version": _version(entered), "tick_end": at}
    insert(connection, entered.table, row)
    window = _window(connection, workflow, at)
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    began = {("entered", OWN): (row["reached_at"], None)}
    travel = Travel(connection, workflow, steps, _steps_before(workflow), entered.table, shop, {**began})
    travel.run()
    if is_invented:
        agree_to_all(connection, profile, at)
    repeat_profile(connection, profile["contact_id"], window)
    verdicts = Gates(connection, *homes, templates, profile["contact_id"], at).ask(statements, travel)
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    showing = Showing(profile, window.end, templates, verdicts, address_types_of(connection))
    shown = showing.all(connection, statements, travel)
    return Preview(
        workflow,
        profile["contact_id"],
        is_invented,
        source,
        profile,
        carried,
        _stop(travel, shown, ("entered", OWN), None),
        _reasons(exited),
        [step for step in steps if all(reached != step for reached, _ in travel.reached)],
    )


def _profile_of(connection: duckdb.DuckDBPyConnection, contact: int) -> dict[str, Any]:
    found = connection.execute("select * from contacts.contact_profiles where contact_id = ?", [contact])
    names = [column[0] for column in found.description]
    row = found.fetchone()
    if row is None:
        raise HourbellError(f"Nothing is known of the contact {contact} any more.")
    return dict(zip(names, row, strict=True))


def _entry(
    connection: duckdb.DuckDBPyConnection, table: str, profile: Mapping[str, Any], at: datetime, currency: str
) -> tuple[dict[str, Any], str]:
    """An entry at a time: the contact's last one as if it had been then, else an invented one; and which it is."""
    found = connection.execute(
        f"select * from {table} where contact_id = $1 or contact_id in "
        "(select contact_id from contacts.contact_merges where into_contact_id = $1) order by reached_at desc limit 1",
        [profile["contact_id"]],
    )
    names = [column[0] for column in found.description]
    last = found.fetchone()
    if last is None:
        invented = invent_entry(connection, table, profile, at, currency)
        missing = {"reached_at": at, "occurred_at": at}
        return {**missing, **invented}, "made up: what is usual among those who have entered, and of the profile"
    row = dict(zip(names, last, strict=True))
    entered_at = row["reached_at"]
    moved = {name: _moved(value, at - entered_at) for name, value in row.items()}
    role = "; they are held out, and would get nothing" if row["assignment"] == "holdout" else ""
    return moved, f"as when they entered on {entered_at:%Y-%m-%d %H:%M}, its times moved to now{role}"


def _moved(value: Any, by: timedelta) -> Any:
    # a moment is a date too
    if isinstance(value, datetime):
        return value + by
    return value + timedelta(days=by.days) if isinstance(value, date) else value


def _window(connection: duckdb.DuckDBPyConnection, workflow: str, at: datetime) -> Window:
    """As long as anybody can be on the way."""
    longest = longest_path(workflow)
    ((end,),) = connection.execute(
        f"select cast(? as timestamp) + interval '{longest}' + interval '{_BEYOND}'", [at]
    ).fetchall()
    return Window(at, end)


def _steps_before(workflow: str) -> dict[str, set[str]]:
    """By step: the steps that it follows, as its model says."""
    nodes = {
        unique_id: node.name.removeprefix(f"{workflow}__")
        for unique_id, node in manifest().nodes.items()
        if node.resource_type == "model" and node.name.startswith(f"{workflow}__")
    }
    return {
        step: {nodes[one] for one in manifest().nodes[unique_id].depends_on.nodes if one in nodes} - {"exited"}
        for unique_id, step in nodes.items()
    }


def _version(entered: Statement) -> str:
    """Of the workflow as it stands, as its own SQL has it."""
    named = sqlglot.parse_one(inserted_query(entered), dialect="duckdb").find_all(exp.Alias)
    versions = (one.this for one in named if one.alias == "definition_version")
    return next((str(one.name) for one in versions if isinstance(one, exp.Literal)), "preview")


def _reasons(exited: Statement | None) -> list[str]:
    """The reasons for which somebody leaves, as the SQL of the exits names them."""
    if exited is None:
        return []
    named = sqlglot.parse_one(inserted_query(exited), dialect="duckdb").find_all(exp.Alias)
    return sorted({reason for alias in named if alias.alias == "reason" for reason in literals_of(alias.this)})


def _stop(
    travel: Travel, shown: Mapping[tuple[str, int], Shown], here: tuple[str, int], before: tuple[str, int] | None
) -> Stop:
    step, enrollment = here
    reached_at, branch = travel.reached[here]
    begins_here = travel.doubles.get(enrollment, (None, None))[1] == step
    values, is_forced = travel.different[enrollment] if begins_here else ({}, False)
    following = [stop for stop in travel.reached if stop != here and travel.step_before(*stop) == here]
    return Stop(
        step,
        reached_at,
        reached_at - travel.reached[before][0] if before else timedelta(),
        branch,
        enrollment == OWN,
        values,
        is_forced,
        shown.get(here),
        here not in shown and travel.acts(step),
        [_stop(travel, shown, stop, here) for stop in following],
    )
