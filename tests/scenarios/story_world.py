"""The one shop in which all scenarios are played together; nobody of one scenario knows of another."""

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml
from projects import copy_project
from story import DAY_1, FOLDER, Scenario, moment, read_all, told

from activations.delivery.delivery import TEMPLATES
from dagster_project.history.replay import replay
from dagster_project.home import Home
from dagster_project.landing.load import load
from dagster_project.lint import lint
from dagster_project.outbox import write_outbox
from dagster_project.registry import PROJECT_FILE
from dagster_project.ticks import transform
from dagster_project.ticks.compiled import asking_session, compile_models
from dagster_project.ticks.statements import Statement, replay_tick
from dagster_project.ticks.tick import land
from dagster_project.ticks.windows import Window
from dagster_project.warehouse import open_warehouse

KNOWLEDGE = ("path:models/staging", "path:models/contacts", "path:models/segments", "path:models/eligibility")
WORKFLOWS = "path:models/workflows"
DECIDED = ("path:models/decisions", "workflow_positions")
WORLD: Mapping[str, Any] = yaml.safe_load((FOLDER / "world.yml").read_text())
CHANGED_AT = moment(WORLD["changes at"])
PRODUCT = yaml.safe_load(PROJECT_FILE.read_text())


def scenarios() -> list[Scenario]:
    return read_all([*PRODUCT["vars"]["workflows"], *WORLD["workflows"]], dict.fromkeys(WORLD["changes"], CHANGED_AT))


@dataclass(frozen=True)
class Played:
    """What became of everybody: the sentences that are true, by contact."""

    sentences: Mapping[int, Sequence[str]]
    counted: Mapping[str, str]
    """What the gate in left out of the rows of those scenarios that tell it, by title."""
    warnings: Sequence[str]
    """What lint has to say of the frequency caps."""
    changed_tick: tuple[Sequence[Any], Sequence[Any]]
    """All that was decided and reached up to the first tick of the changed workflows, and after the same tick again."""
    outbox: Path
    """What that tick sends."""
    looking_at_ticks: frozenset[str]
    """The models whose rows depend on where ticks end."""

    def of(self, scenario: Scenario) -> list[str]:
        """What a scenario has to expect: all decisions, and all else of the kinds of which it tells any."""
        kinds = {_kind(line) for line in scenario.expected} | {"decided"}
        found = []
        for person in scenario.people.values():
            for sentence in self.sentences.get(person.contact_id, ()):
                workflow = sentence.split("|")[1]
                text = sentence.split("|")[0].format(name=person.name)
                if _kind(text) in kinds and (not scenario.watching or workflow in scenario.watching):
                    found.append(text)
        if scenario.is_counted:
            found.append(self.counted[scenario.title])
        if "warned" in kinds:
            found += self.warnings
        return sorted(found)


def _kind(sentence: str) -> str:
    if sentence.startswith("lint warns"):
        return "warned"
    for verb in ("enters", "reaches", "leaves", "at the end", "is mixed in"):
        if verb in sentence:
            return verb
    return "decided"


def windows(start: datetime, end: datetime) -> list[Window]:
    """The ticks of the calendar between two times."""
    clocks = [time.fromisoformat(text) for text in WORLD["ticks at"]]
    moments = [
        datetime.combine(DAY_1 + timedelta(days=day), clock) for day in range(WORLD["days"] + 1) for clock in clocks
    ]
    return [Window(one, other) for one, other in pairwise(moments) if start <= one < end]


def play(stories: Sequence[Scenario], root: Path) -> Played:
    """Land everything, and run all ticks; the workflows change once in between."""
    home = Home(root / "home").prepare()
    end = DAY_1 + timedelta(days=WORLD["days"])
    outcomes, files = _write(stories, root / "shop", home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transform, "DBT", _project(root / "before", later=False))
        statements = asking_session(home, compile_models(home, (*KNOWLEDGE, WORKFLOWS, *DECIDED)))
        land(home, windows(DAY_1, CHANGED_AT)[0])
        _replay(home, windows(DAY_1, CHANGED_AT), statements, outcomes)
        patch.setattr(transform, "DBT", _project(root / "after", later=True))
        known = [statement for statement in statements if statement.scope == "contacts"]
        later = [*known, *asking_session(home, compile_models(home, (WORKFLOWS, *DECIDED)))]
        first, *others = windows(CHANGED_AT, end)
        _replay(home, [first], later, outcomes)
        once = _decided(home)
        with open_warehouse(home) as connection:
            replay_tick(connection, later, first)
            write_outbox(connection, home.outbox, first.end)
        again = _decided(home)
        _replay(home, others, later, outcomes)
    remarks = [one for one in lint(root / "before", TEMPLATES) if one.path.name == "frequency_caps.csv"]
    warnings = [f"lint warns: {one.problem}" for one in remarks]
    with open_warehouse(home) as connection:
        return Played(
            _sentences(connection),
            _counted(connection, files),
            warnings,
            (once, again),
            home.outbox,
            frozenset(statement.model for statement in later if statement.looks_at_ticks),
        )


def _decided(home: Home) -> list[Any]:
    with open_warehouse(home) as connection:
        return [
            connection.execute(f"select * from decisions.{table} order by all").fetchall()
            for table in ("arrivals", "decisions")
        ]


def _counted(connection: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """As the account of landed files has it."""
    told = {}
    for title, names in files.items():
        ((rows, values),) = connection.execute(
            "select sum(rows_quarantined)::bigint, sum(values_blanked)::bigint from raw.landed_files "
            "where list_contains(?, landing_file)",
            [names],
        ).fetchall()
        told[title] = (
            f"of what landed {rows} {'row is' if rows == 1 else 'rows are'} set aside, "
            f"{values} {'value' if values == 1 else 'values'} left out"
        )
    return told


def _project(folder: Path, *, later: bool) -> Path:
    """The dbt project with the scenarios' workflows, topics and caps in it."""
    copy_project(folder)
    project = yaml.safe_load((folder / "dbt_project.yml").read_text())
    project["vars"]["experiments"] |= WORLD["experiments"]
    workflows = project["vars"]["workflows"]
    workflows |= {name: dict(settings) for name, settings in WORLD["workflows"].items()}
    models = folder / "models" / "workflows"
    shutil.copytree(FOLDER / "workflows", models, dirs_exist_ok=True)
    if later:
        shutil.copytree(FOLDER / "workflows_later", models, dirs_exist_ok=True)
        for name, settings in (pair for change in WORLD["changes"].values() for pair in change.items()):
            if settings is None:
                del workflows[name]
                shutil.rmtree(models / name)
            else:
                workflows[name] |= settings
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project, sort_keys=False))
    for seed, lines in (
        ("topics", WORLD["topics"]),
        ("frequency_caps", WORLD["caps"]),
        ("channels", WORLD["channels"]),
    ):
        file = folder / "seeds" / f"{seed}.csv"
        file.write_text(file.read_text().rstrip("\n") + "\n" + "\n".join(lines) + "\n")
    return folder


def _write(
    stories: Sequence[Scenario], folder: Path, home: Home
) -> tuple[list[tuple[datetime, int, str]], dict[str, list[str]]]:
    """Land what happens; returns what becomes of messages: when, whose last one, and its status; and the landed files
    of those scenarios that tell what was left out of them.
    """
    tables: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    outcomes = []
    files: dict[str, list[str]] = defaultdict(list)
    for story, happening in ((told_by, one) for told_by in stories for one in told_by.happenings):
        if happening.table == "outcomes":
            outcomes.append((happening.at, happening.row["contact_id"], happening.row["status"]))
            continue
        row = {"occurred_at": happening.at, "loaded_at": happening.at, **happening.row}
        # as text, because a date that there is not is no date
        row |= {column: f"{value}" for column, value in row.items() if isinstance(value, datetime)}
        tables[happening.table, story.title if story.is_counted else ""].append(row)
    for number, ((table, title), rows) in enumerate(tables.items()):
        file = folder / table / f"{number}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows, infer_schema_length=None).write_csv(file)
        files[title] += [loaded.landed.name for loaded in load(file, home.landing, DAY_1)]
    return sorted(outcomes), files


def _replay(
    home: Home, ticks: Sequence[Window], statements: Sequence[Statement], outcomes: list[tuple[datetime, int, str]]
) -> None:
    following = {one.end: other.end for one, other in pairwise(ticks)}

    def tell_outcomes(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
        """What happens to a message becomes known in the tick after the one that decided about it."""
        while outcomes and outcomes[0][0] < following.get(window.end, window.end):
            at, contact, status = outcomes.pop(0)
            connection.execute(
                "insert into raw.outcomes by name select action_id, channel, ? as status, 'test' as provider, "
                "cast(? as timestamp) as occurred_at, cast(? as timestamp) as loaded_at, "
                "cast(? as timestamp) as effective_at from decisions.decisions "
                "where contact_id = ? and outcome = 'send' order by tick_end desc limit 1",
                [status, at, at, at, contact],
            )

    def bring_back(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
        """What a tick started or stopped lands when it is over, as the channel writes it."""
        connection.execute(
            "insert into raw.events by name select concat('hourbell-', action_id) as message_id, 'track' as type, "
            "case kind when 'start_workflow' then 'Workflow Started' else 'Workflow Stopped' end as event, "
            "profiles.user_id, context as properties, 'hourbell' as source, "
            "tick_end as occurred_at, tick_end as loaded_at, tick_end as effective_at "
            "from decisions.decisions inner join contacts.contact_profiles as profiles using (contact_id) "
            "where tick_end = ? and outcome = 'send' and kind in ('start_workflow', 'stop_workflow')",
            [window.end],
        )
        tell_outcomes(connection, window)

    replay(home, ticks, statements=statements, after_tick=bring_back, with_outbox=False)


def _sentences(connection: duckdb.DuckDBPyConnection) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)

    def add(contact: int, workflow: str, text: str) -> None:
        found[contact].append(f"{text}|{workflow}")

    for contact, workflow, step, outcome, channel, gate, end, until, turn in connection.execute(
        "select contact_id, workflow, step, outcome, channel, gate, tick_end, held_until, send_after "
        "from decisions.decisions"
    ).fetchall():
        about = f"{told(end)}: {workflow} {step}"
        if outcome == "send":
            in_turn = f", at {told(turn)}" if turn - end >= timedelta(minutes=1) else ""
            add(contact, workflow, f"{about} is sent to {{name}} by {channel}{in_turn}")
        elif outcome == "deferred":
            add(contact, workflow, f"{about} to {{name}} is put off until {told(until)}: {gate}")
        else:
            add(contact, workflow, f"{about} to {{name}} is stopped: {gate}")
    entrants = {}
    for contact, enrollment, workflow, step, reached_at, assignment, branch in connection.execute(
        "select contact_id, enrollment_id, workflow, step, reached_at, assignment, branch from decisions.arrivals"
    ).fetchall():
        if step == "entered":
            entrants[enrollment] = contact
            held_out = ", held out" if assignment == "holdout" else ""
            add(contact, workflow, f"{told(reached_at)}: {{name}} enters {workflow}{held_out}")
        else:
            goes = f", goes {branch}" if branch else ""
            add(contact, workflow, f"{told(reached_at)}: {{name}} reaches {workflow} {step}{goes}")
    for enrollment, workflow, exited_at, reason in connection.execute(
        "select distinct enrollment_id, workflow, exited_at, reason from decisions.exits"
    ).fetchall():
        add(entrants[enrollment], workflow, f"{told(exited_at)}: {{name}} leaves {workflow}: {reason}")
    words = {"finished": "has finished", "left": "has left", "in progress": "is in", "held out": "is held out of"}
    for contact, workflow, step, status, reason, is_mixed in connection.execute(
        "select contact_id, workflow, step, status, exit_reason, is_mixed from marts.workflow_positions"
    ).fetchall():
        if is_mixed:
            add(contact, workflow, f"by the end {{name}} is mixed in {workflow}")
        after = {"in progress": f" after {step}", "left": f": {reason}"}.get(status, "")
        add(contact, workflow, f"at the end {{name}} {words[status]} {workflow}{after}")
    return found
