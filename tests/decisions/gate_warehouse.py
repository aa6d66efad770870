"""The compiled SQL of the decision models, over upstream tables that are filled by hand, in memory."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from gate_world import STEPS, TOPICS, Decision, Window, World

from activations.errors import HourbellError
from dagster_project.home import Home
from dagster_project.ticks.transform import run_dbt

MODELS = ("candidates", "candidate_eligibility", "candidate_channels", "cap_usage", "cap_walk", "decisions")
ACTION = (
    "struct(kind varchar, channels varchar[], topic varchar, template varchar, variant varchar, if_held varchar,"
    " expires_at timestamp, details varchar)"
)
UPSTREAM = (
    {
        "configuration.channels": "channel varchar, address_type varchar, quiet_from varchar, quiet_to varchar,"
        " rate_per_hour bigint",
        "configuration.frequency_caps": "rule varchar, channel varchar, topic varchar, max_sends integer,"
        " period_hours integer",
        "configuration.topics": "topic varchar, kind varchar, requires_consent boolean, channel varchar,"
        " description varchar",
        "configuration.profile_timezones": "timezone varchar",
        "contacts.consent_statements": "channel varchar, topic varchar, status varchar, email varchar, phone varchar,"
        " occurred_at timestamp, effective_at timestamp",
        "contacts.contact_signals": "signal varchar, email varchar, occurred_at timestamp, effective_at timestamp",
        "contacts.contact_merges": "contact_id bigint, into_contact_id bigint, merged_at timestamp, tick_end timestamp",
        "contacts.global_assignments": "contact_id bigint, assignment varchar",
        "eligibility.eligibility_changes": "contact_id bigint, channel varchar, topic varchar, tick_end timestamp,"
        " address varchar, is_reachable boolean, unreachable_reason varchar, is_consented boolean,"
        " stated_at timestamp, suppressed_until timestamp, suppression_reason varchar, timezone varchar,"
        " locale varchar, is_erased boolean",
        "engine.windows": "scope varchar, tick_start timestamp, tick_end timestamp, succeeded boolean",
        "staging.stg_outcomes": "action_id bigint, status varchar, effective_at timestamp",
    }
    | {
        f"workflows.{workflow}__exited": "enrollment_id bigint, exited_at timestamp, reason varchar,"
        " conversion_id varchar, revenue decimal(18, 2)"
        for workflow in STEPS
    }
    | {
        f"workflows.{workflow}__{step}": "enrollment_id bigint, contact_id bigint, reached_at timestamp,"
        f" branch varchar, tick_end timestamp, action {ACTION}"
        for workflow, steps in STEPS.items()
        for step in steps
    }
)
COMPARED = tuple(field.name for field in fields(Decision))


def compile_gate(folder: Path) -> dict[str, str]:
    """The models' SQL by name, as dbt compiles it for any window."""
    home = Home(folder).prepare()
    only_models = ["--select", "path:models/decisions", "--indirect-selection", "empty"]
    results = run_dbt(home, ["compile", *only_models]).results
    compiled = {result.node.name: result.node.compiled_code for result in results if result.node.compiled_code}
    if not compiled.keys() >= {*MODELS, "exits"}:
        raise HourbellError(f"Only {sorted(compiled)} of the decision models compile.")
    declared = next(result.node for result in results if result.node.name == "decisions").columns
    compiled["decisions.columns"] = ", ".join(f"{name} {column.data_type}" for name, column in declared.items())
    return compiled


class GateWarehouse:
    """One warehouse for many worlds, one after the other."""

    def __init__(self, compiled: dict[str, str]) -> None:
        self.compiled = compiled
        self.connection = duckdb.connect()
        self.connection.execute("attach ':memory:' as hourbell; use hourbell; set TimeZone = 'UTC'; set threads = 1")
        for schema in ("configuration", "contacts", "eligibility", "engine", "staging", "workflows", "decisions"):
            self.connection.execute(f"create schema {schema}")
        for table, columns in UPSTREAM.items():
            self.connection.execute(f"create table {table} ({columns})")
        self.connection.execute(f"create table decisions.decisions ({compiled['decisions.columns']})")
        self.connection.execute(f"create view decisions.exits as {compiled['exits']}")
        for model in MODELS[:-1]:
            self.connection.execute(f"create table decisions.{model} as select * from ({compiled[model]}) limit 0")
        self.connection.executemany("insert into configuration.topics (topic, kind) values (?, ?)", [*TOPICS.items()])
        self.connection.execute("insert into configuration.profile_timezones select name from pg_timezone_names()")

    def fill(self, world: World) -> None:
        """Put in all of a world at once; what a tick may know of it is for the models to say."""
        kept = ("configuration.topics", "configuration.profile_timezones")
        for table in [*UPSTREAM, "decisions.candidates", "decisions.decisions"]:
            if table not in kept:
                self.connection.execute(f"delete from {table}")
        self._insert("configuration.channels", map(vars, world.channels))
        self._insert("configuration.frequency_caps", map(vars, world.caps))
        self._insert("contacts.contact_merges", map(vars, world.merges))
        self._insert("eligibility.eligibility_changes", map(vars, world.eligibility))
        self._insert("contacts.consent_statements", map(vars, world.statements))
        self._insert("decisions.decisions", map(vars, world.earlier))
        self._insert(
            "engine.windows",
            ({"scope": workflow, "tick_end": end, "succeeded": False} for end, workflow in sorted(world.broken)),
        )
        for one in world.exits:
            row = {"enrollment_id": one.enrollment_id, "exited_at": one.exited_at, "reason": "converted"}
            self._insert(f"workflows.{one.workflow}__exited", [row])
        tables: dict[str, list[dict[str, Any]]] = {}
        for proposal in world.proposals:
            row = {name: getattr(proposal, name) for name in ("enrollment_id", "contact_id", "reached_at", "tick_end")}
            row["action"] = {
                "kind": proposal.kind,
                "channels": list(proposal.channels),
                "topic": proposal.topic,
                "template": "hello",
                "variant": None,
                "if_held": proposal.if_held,
                "expires_at": proposal.expires_at,
                "details": None,
            }
            tables.setdefault(f"workflows.{proposal.workflow}__{proposal.step}", []).append(row)
        for table, rows in tables.items():
            self._insert(table, rows)

    def add_outcomes(self, rows: Iterable[tuple[int, str, datetime]]) -> None:
        names = ("action_id", "status", "effective_at")
        self._insert("staging.stg_outcomes", (dict(zip(names, row, strict=True)) for row in rows))

    def tick(self, window: Window) -> list[Decision]:
        """Run the models over a window, and read what was decided."""
        self.decide(window)
        return self.decisions("tick_end = ? order by action_id", window.end)

    def decide(self, window: Window) -> None:
        """Run the models over a window, as the strategy `tick` writes them."""
        run = self.connection.execute
        run(f"set variable tick_start = timestamp '{window.start}'")
        run(f"set variable tick_end = timestamp '{window.end}'")
        for model in MODELS:
            written_before = (
                f"tick_end > timestamp '{window.start}' and tick_end <= timestamp '{window.end}'"
                if model in ("candidates", "decisions")
                else "true"
            )
            run(f"delete from decisions.{model} where {written_before}")
            run(f"insert into decisions.{model} by name ({self.compiled[model]})")

    def decisions(self, which: str, *values: object) -> list[Decision]:
        """The decisions for which a condition holds."""
        rows = self.connection.execute(
            f"select {', '.join(COMPARED)} from decisions.decisions where {which}", list(values)
        ).fetchall()
        return [self._decision(row) for row in rows]

    @staticmethod
    def _decision(row: tuple[Any, ...]) -> Decision:
        values = dict(zip(COMPARED, row, strict=True))
        return Decision(**{**values, "channels": tuple(values["channels"])})

    def _insert(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        rows = list(rows)
        if rows:
            names = list(rows[0])
            holes = f"({', '.join(['?'] * len(names))})"
            self.connection.execute(
                f"insert into {table} ({', '.join(names)}) values {', '.join([holes] * len(rows))}",
                [list(value) if isinstance(value, tuple) else value for row in rows for value in row.values()],
            )
