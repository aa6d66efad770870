"""One contact through a whole workflow in compressed time: the steps' own SQL in a copy of the warehouse, over a tick
as long as the longest path. Whichever way the contact does not go, a double of theirs goes.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.holds.sample import Sample, sample_of
from activations.settings.shop import Shop, read_shop
from dagster_project.explain import eligibility_of, find_contact
from dagster_project.history.trial import copied
from dagster_project.home import Home
from dagster_project.preview.branches import changed_row, literals_of, other_ways, read_branching, variants
from dagster_project.preview.invented import (
    LISTS,
    MADE_BY_ENTRIES,
    columns_of,
    example_of,
    example_products,
    insert,
    invent_entry,
    invent_profile,
)
from dagster_project.registry import longest_path, registered_workflows
from dagster_project.ticks.compiled import compile_tick
from dagster_project.ticks.statements import Statement
from dagster_project.ticks.transform import manifest
from dagster_project.ticks.windows import Window, last_completed
from dagster_project.warehouse import open_warehouse

OWN = 1
# longer than any wait that looks at the day of the week takes beyond the longest path
_BEYOND = "8 days"
_MESSAGES = ("send", "notify")


@dataclass(frozen=True)
class Shown:
    """What a step has done for the contact."""

    kind: str
    channels: tuple[str, ...]
    topic: str | None
    details: str
    """What an action that is no message says."""
    samples: Sequence[tuple[str | None, Sample]]
    """Messages by variant, the contact's own first."""
    standing: str | None
    """Whether the contact may be written to so; None where nobody is to be written to, or the contact is made up."""


@dataclass(frozen=True)
class Stop:
    """A step that is reached on one of the ways."""

    step: str
    reached_at: datetime
    wait: timedelta
    """Since the step before."""
    branch: str | None
    is_own: bool
    """Whether it is on the contact's own way."""
    different: Mapping[str, str]
    """What the contact would have to have for that way, where it is another than its own."""
    is_forced: bool
    """The way is not told by what a contact has, so a double was put on it."""
    shown: Shown | None
    following: Sequence["Stop"]


@dataclass(frozen=True)
class Preview:
    """One contact through a whole workflow."""

    workflow: str
    contact_id: int
    is_invented: bool
    entered: str
    """Where what the entry carries is from."""
    profile: Mapping[str, Any]
    carried: Mapping[str, Any]
    start: Stop
    leaves_when: Sequence[str]
    """Reasons for which somebody leaves early."""
    not_reached: Sequence[str]
    """Steps that the contact comes to by no way."""

    def stops(self) -> Iterator[Stop]:
        """All of them, each before those that follow it."""
        waiting = [self.start]
        while waiting:
            stop = waiting.pop(0)
            yield stop
            waiting = [*stop.following, *waiting]


@dataclass
class _Travel:
    """A workflow while somebody goes through it."""

    connection: duckdb.DuckDBPyConnection
    workflow: str
    statements: Mapping[str, Statement]
    """By step, in the order of the graph."""
    before: Mapping[str, Collection[str]]
    """By step: the steps that it follows."""
    shop: Shop
    reached: dict[tuple[str, int], tuple[datetime, str | None]] = field(default_factory=dict)
    """By step and enrollment: when, and which way on."""
    doubles: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By enrollment: whose double it is, and from which step on."""
    different: dict[int, tuple[Mapping[str, str], bool]] = field(default_factory=dict)

    def run(self) -> None:
        """Let all steps run, each with doubles for the ways that its arrivals do not go."""
        for step, statement in self.statements.items():
            try:
                for sql in statement.sql:
                    self.connection.execute(sql)
            except duckdb.Error as error:
                raise HourbellError(f"{statement.model} failed: {error}. Mend its SQL.") from error
            has_branch = "branch" in columns_of(self.connection, statement.table)
            for enrollment, way in self._arrived(step, statement, has_branch):
                if has_branch:
                    self._send_doubles(step, statement, enrollment, way)

    def _arrived(self, step: str, statement: Statement, has_branch: bool) -> list[tuple[int, str | None]]:
        rows = self.connection.execute(
            f"select enrollment_id, reached_at, {'branch' if has_branch else 'null'} from {statement.table} order by 1"
        ).fetchall()
        for enrollment, reached_at, way in rows:
            self.reached[step, enrollment] = (reached_at, way)
        return [(enrollment, way) for enrollment, _, way in rows]

    def _send_doubles(self, step: str, statement: Statement, enrollment: int, own: str | None) -> None:
        branching = read_branching(_query(statement))
        if branching is None:
            return
        before = self.step_before(step, enrollment)
        soon = self.reached[before][0] + timedelta(hours=1) if before else self.reached[step, enrollment][0]
        for other in other_ways(self.connection, statement.table, enrollment, own, branching, soon):
            double = max(OWN, *self.doubles, 0) + 1
            values = (
                self._lacking(statement.table, enrollment, but={*branching.constants, *branching.computed})
                | other.values
            )
            if other.values:
                asked: list[Any] = [enrollment]
                row = changed_row(statement.table, values, branching)
            else:
                replaced = "".join(f", {value} as {column}" for column, value in values.items())
                row = f"select * replace (? as branch{replaced}) from {statement.table} where enrollment_id = ?"
                asked = [other.way, enrollment]
            self.connection.execute(
                f"insert into {statement.table} by name select * replace ({double} as enrollment_id) from ({row})",
                asked,
            )
            ((reached_at,),) = self.connection.execute(
                f"select reached_at from {statement.table} where enrollment_id = ?", [double]
            ).fetchall()
            self.reached[step, double] = (reached_at, other.way)
            self.doubles[double] = (enrollment, step)
            self.different[double] = (values, not other.values)

    def _lacking(self, table: str, enrollment: int, but: Collection[str]) -> dict[str, str]:
        """Texts and lists that an enrollment's row lacks, of which messages on another way may speak; as SQL."""
        found = self.connection.execute(f"select * from {table} where enrollment_id = ?", [enrollment])
        names = [column[0] for column in found.description]
        lacking = [name for name, value in zip(names, found.fetchall()[0], strict=True) if value is None]
        types = columns_of(self.connection, table)
        texts = {name: f"'{example_of(name)}'" for name in lacking if types[name] == "VARCHAR" and name not in but}
        listed = json.dumps(example_products(self.shop.url, self.shop.currency))
        lists = {name: f"try_cast(json '{listed}' as {types[name]})" for name in lacking if name in LISTS}
        return texts | lists

    def step_before(self, step: str, enrollment: int) -> tuple[str, int] | None:
        """Where an enrollment was before a step; a double was where the one was whose double it is."""
        own = [(before, enrollment) for before in self.before[step] if (before, enrollment) in self.reached]
        if own:
            return max(own, key=lambda stop: self.reached[stop][0])
        return self.step_before(step, self.doubles[enrollment][0]) if enrollment in self.doubles else None


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
            return _previewed(connection, workflow, contact, statements, templates)


def _previewed(
    connection: duckdb.DuckDBPyConnection,
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
    row |= made | {"definition_version": "preview", "tick_end": at}
    insert(connection, entered.table, row)
    window = _window(connection, workflow, at)
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    travel = _Travel(
        connection, workflow, steps, _steps_before(workflow), shop, {("entered", OWN): (row["reached_at"], None)}
    )
    travel.run()
    standing = {} if is_invented else {row[:2]: row[2] for row in eligibility_of(connection, profile["contact_id"])}
    shown = _Showing(profile, window.end, templates, standing).all(connection, statements, travel)
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


def _query(statement: Statement) -> str:
    """What a statement inserts."""
    return statement.sql[1].removeprefix(f"insert into {statement.table} by name (").removesuffix(")")


def _reasons(exited: Statement | None) -> list[str]:
    """The reasons for which somebody leaves, as the SQL of the exits names them."""
    if exited is None:
        return []
    named = sqlglot.parse_one(_query(exited), dialect="duckdb").find_all(exp.Alias)
    return sorted({reason for alias in named if alias.alias == "reason" for reason in literals_of(alias.this)})


@dataclass(frozen=True)
class _Showing:
    """Renders what the steps do."""

    profile: Mapping[str, Any]
    tick_end: datetime
    templates: Path
    standing: Mapping[tuple[str, str], str]

    def all(
        self, connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], travel: _Travel
    ) -> dict[tuple[str, int], Shown]:
        """By step and enrollment: the candidates of the decisions' own model, as they would come to the gate."""
        (candidates,) = (one for one in statements if one.model == "candidates")
        for sql in candidates.sql:
            connection.execute(sql)
        found = connection.execute(
            f"select * from {candidates.table} where tick_end = ? and workflow = ?", [self.tick_end, travel.workflow]
        )
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        return {
            (row["step"], row["enrollment_id"]): self._shown(row, variants(_query(travel.statements[row["step"]])))
            for row in rows
            if (row["step"], row["enrollment_id"]) in travel.reached
        }

    def _shown(self, row: Mapping[str, Any], other_variants: Sequence[str]) -> Shown:
        channels = tuple(row["channels"])
        is_message = row["kind"] in _MESSAGES
        samples: list[tuple[str | None, Sample]] = []
        if is_message:
            own = self._action(row, channels[0])
            named = [own.variant, *(variant for variant in other_variants if variant != own.variant)]
            samples = [
                (variant, sample_of(own._replace(variant=variant), self.templates, own.tick_end)) for variant in named
            ]
        is_written_to = row["kind"] == "send"
        return Shown(
            row["kind"],
            channels,
            row["topic"],
            "" if is_message else str(row["context"]),
            samples,
            self.standing.get((channels[0], row["topic"])) if is_written_to else None,
        )

    def _action(self, row: Mapping[str, Any], channel: str) -> Action:
        given = {
            name: self.profile.get(name) for name in ("user_id", "email", "phone", "first_name", "last_name", "country")
        }
        made = {
            "channel": channel,
            "address": self.profile.get({"email": "email", "sms": "phone"}.get(channel, "contact_id")),
            "locale": self.profile.get("locale"),
            "timezone": self.profile.get("timezone"),
            "profile": json.dumps(given),
            # when it would leave at the earliest
            "tick_end": row["reached_at"],
            "send_after": None,
        }
        columns: dict[str, Any] = {name: made.get(name, row.get(name)) for name in Action._fields}
        return Action(**columns)


def _stop(
    travel: _Travel, shown: Mapping[tuple[str, int], Shown], here: tuple[str, int], before: tuple[str, int] | None
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
        [_stop(travel, shown, stop, here) for stop in following],
    )
