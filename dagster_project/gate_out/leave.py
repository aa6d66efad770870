"""How a tick's actions leave: written where delivery cannot see them, examined, and only then put in the outbox."""

import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from activations.holds.approvals import Approval, approval_of
from activations.holds.content import digest_of_templates
from activations.holds.hold import About, forget_holds, holds_of, write_hold
from activations.holds.settle import GATE
from activations.holds.volume import far_off, usual_actions
from dagster_project.gate_out.examine import examine
from dagster_project.gate_out.held import note_holds
from dagster_project.gate_out.reputation import reasons_to_stop, reputations
from dagster_project.gate_out.volumes import (
    contactable_base,
    create_volumes,
    learn_volumes,
    note_volumes,
    past_ticks,
    sent_in_all,
    window_of_workflow,
)
from dagster_project.home import Home
from dagster_project.landing.sources import quoted_text
from dagster_project.outbox import outbox_folder, write_outbox
from dagster_project.registry import Covers, hold_rule, reputation_limits
from dagster_project.ticks.windows import Window

_EVIDENCE = "evidence"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leaving:
    """What one workflow is about to send in a tick."""

    workflow: str
    actions: int
    steps: Mapping[str, int]
    channels: Mapping[str, int]
    templates: Mapping[str, int]
    definitions: tuple[str, ...]
    first_expires_at: datetime | None


def leave(
    connection: duckdb.DuckDBPyConnection, home: Home, window: Window, *, templates: Path = TEMPLATES
) -> dict[str, int]:
    """Write a tick's outbox, but for what is held; returns the actions by channel, held ones included.

    What cannot be examined is held. Raises HourbellError where files cannot be written; then nothing can be sent.
    """

    def examined(staged: Sequence[Path]) -> set[str]:
        return _hold(connection, home, window, staged, templates)

    return write_outbox(connection, home.outbox, window.end, examined)


def reasons_to_hold(
    connection: duckdb.DuckDBPyConnection, home: Home, window: Window, staged: Sequence[Path], templates: Path
) -> tuple[list[Leaving], dict[str, list[str]]]:
    """What each workflow is about to send in a tick, and by workflow why it would be held. `home` is where its releases
    are; the files that are staged say what is examined."""
    create_volumes(connection)
    learn_volumes(connection, window)
    if not staged:
        return [], {}
    evidence = staged[0].parent / _EVIDENCE
    connection.execute(f"set variable tick_start = timestamp '{window.start}'")
    connection.execute(f"set variable tick_end = timestamp '{window.end}'")
    connection.execute(f"copy (from decisions.outbox_evidence) to {quoted_text(evidence)} (format parquet)")
    leaving = _leaving(connection, window, evidence)
    reasons: dict[str, list[str]] = {one.workflow: [] for one in leaving}
    _note_faults(connection, window, staged, evidence, templates, reasons)
    _note_reputation(connection, window, reasons)
    for one in leaving:
        approval = approval_of(home.outbox, one.workflow)
        rule = hold_rule(one.workflow)
        if unapproved := _unapproved(
            connection, one, window, approval, rule.first_actions, rule.release_covers, templates
        ):
            reasons[one.workflow].append(unapproved)
        if one.actions > rule.breaker.floor:
            own = window_of_workflow(connection, one.workflow, window)
            released = _released_ticks(home, one.workflow, templates)
            past = past_ticks(connection, one.workflow, own, days=rule.breaker.history_days, released=released)
            usual = usual_actions(past, own.start, own.end, rule.breaker)
            if told := far_off(one.actions, usual, contactable_base(connection, window.end), rule.breaker):
                reasons[one.workflow].append(told)
    return leaving, reasons


def _hold(
    connection: duckdb.DuckDBPyConnection, home: Home, window: Window, staged: Sequence[Path], templates: Path
) -> set[str]:
    """Examine what is about to leave, write down what is held, and return the workflows concerned."""
    folder = outbox_folder(home.outbox, window.end)
    leaving, reasons = reasons_to_hold(connection, home, window, staged, templates)
    held = {workflow for workflow, found in reasons.items() if found}
    note_volumes(connection, window, {one.workflow: one.actions for one in leaving}, held)
    written: list[About] = []
    for one in leaving:
        if one.workflow in held:
            log.warning("%s is held: %s", one.workflow, "; ".join(reasons[one.workflow]))
            shared = {channel for other in leaving if other is not one for channel in other.channels}
            whole = {path.stem: path for path in staged if path.stem not in shared}
            written.append(_write_hold(connection, folder, one, window, reasons[one.workflow], whole))
    note_holds(connection, window, written)
    forget_holds(folder, but=held)
    return held


def _leaving(connection: duckdb.DuckDBPyConnection, window: Window, evidence: Path) -> list[Leaving]:
    rows = connection.execute(
        "select workflow, step, channel, template, definition_version, count(*), min(expires_at) "
        "from decisions.outbox left join (select distinct on (action_id) action_id, definition_version "
        f"from read_parquet({quoted_text(evidence)})) using (action_id) where tick_end = ? group by all",
        [window.end],
    ).fetchall()
    found = []
    for workflow in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == workflow]
        found.append(
            Leaving(
                workflow,
                sum(row[5] for row in mine),
                steps=_counted(mine, 1),
                channels=_counted(mine, 2),
                templates=_counted(mine, 3),
                definitions=tuple(sorted({row[4] for row in mine if row[4] is not None})),
                first_expires_at=min((row[6] for row in mine if row[6] is not None), default=None),
            )
        )
    return found


def _counted(rows: Sequence[tuple[Any, ...]], place: int) -> dict[str, int]:
    """The number of actions by what stands at a place of these rows."""
    counter: Counter[str] = Counter()
    for row in rows:
        if row[place] is not None:
            counter[row[place]] += row[5]
    return dict(sorted(counter.items()))


def _note_faults(
    connection: duckdb.DuckDBPyConnection,
    window: Window,
    staged: Sequence[Path],
    evidence: Path,
    templates: Path,
    reasons: dict[str, list[str]],
) -> None:
    try:
        for fault in examine(connection, staged, evidence, tick_end=window.end, templates=templates):
            # a row that names no workflow can be anybody's
            for workflow in [fault.workflow] if fault.workflow in reasons else list(reasons):
                reasons[workflow].append(str(fault))
    except HourbellError as error:
        log.error("The outbox of %s could not be examined: %s", window, error)
        for found in reasons.values():
            found.append(f"could not be examined: {error}")


def _note_reputation(connection: duckdb.DuckDBPyConnection, window: Window, reasons: dict[str, list[str]]) -> None:
    limits = reputation_limits()
    known = reputations(connection, window.end, limits, GATE)
    for one in known:
        if one.level(limits) == "warning":
            log.warning("Reputation: %s", one.told(limits))
    for workflow, found in reasons_to_stop(connection, window.end, known, limits).items():
        if workflow in reasons:
            reasons[workflow] += found


def _unapproved(
    connection: duckdb.DuckDBPyConnection,
    one: Leaving,
    window: Window,
    approval: Approval | None,
    first_actions: int,
    covers: Covers,
    templates: Path,
) -> str | None:
    if approval is None:
        if one.actions + sent_in_all(connection, one.workflow, window) <= first_actions:
            return None
        return "its first activation: nobody has released this workflow yet"
    lacking = approval.lacks(one.definitions, digest_of_templates(templates, one.templates))
    if not lacking or covers == "workflow":
        return None
    return f"changed ({', '.join(lacking)}) since {approval.by} released it on {approval.at:%Y-%m-%d %H:%M} UTC"


def _released_ticks(home: Home, workflow: str, templates: Path) -> list[datetime]:
    return [
        hold.about.tick_end
        for hold in holds_of(home.outbox, templates, workflow)
        if hold.decision is not None and hold.decision.choice == "release"
    ]


def _write_hold(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    one: Leaving,
    window: Window,
    reasons: Sequence[str],
    whole: Mapping[str, Path],
) -> About:
    """`whole` are the files by channel in which no other workflow has anything: they are held as they are."""

    def write_files(into: Path) -> None:
        for channel in one.channels:
            if channel in whole:
                shutil.copyfile(whole[channel], into / f"{channel}.parquet")
                continue
            connection.execute(
                "copy (select * from decisions.outbox where tick_end = $tick_end and channel = $channel "
                f"and workflow = $workflow order by action_id) to {quoted_text(into / f'{channel}.parquet')} "
                "(format parquet, compression zstd)",
                {"tick_end": window.end, "channel": channel, "workflow": one.workflow},
            )

    about = About(
        one.workflow,
        window.start,
        window.end,
        tuple(reasons),
        one.actions,
        one.steps,
        one.channels,
        one.templates,
        one.definitions,
        one.first_expires_at,
    )
    write_hold(folder, about, write_files)
    return about
