"""How much each workflow sent in which tick, and how many people can be reached: what the volume breaker compares."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import duckdb

from activations.holds.volume import PastTick
from dagster_project.ticks.windows import DECISIONS, Window

# of most the latest change of all says that they can be reached; only of the others each channel and topic is asked
_BASE = """
with changes as (
    select contact_id, channel, topic, tick_end, is_reachable and is_consented as is_open
    from eligibility.eligibility_by_channel
    where tick_end <= $at
),

contacts as (
    select contact_id, max(tick_end) filter (is_open) as opened_at, max(tick_end) as changed_at
    from changes
    group by contact_id
),

unsure as (
    select contact_id
    from changes
    where contact_id in (select contact_id from contacts where opened_at < changed_at)
    group by contact_id, channel, topic
    having arg_max(is_open, tick_end)
)

select (select count(*) from contacts where opened_at = changed_at) + (select count(distinct contact_id) from unsure)
"""


def create_volumes(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema if not exists engine")
    connection.execute(
        "create table if not exists engine.outbox_volumes (tick_start timestamp not null, tick_end timestamp not null, "
        "workflow varchar not null, actions bigint not null, is_held boolean not null)"
    )
    connection.execute(
        "create table if not exists engine.contactable_base (day date not null, contacts bigint not null)"
    )


def learn_volumes(connection: duckdb.DuckDBPyConnection, window: Window) -> None:
    """Count what ticks decided since the last one that was counted; they may have been decided without a gate out."""
    connection.execute(
        "insert into engine.outbox_volumes "
        "select windows.tick_start, windows.tick_end, decided.workflow, decided.actions, false "
        "from (select workflow, tick_end, count(*) as actions from decisions.decisions "
        "where outcome = 'send' and tick_end <= $until "
        "and tick_end > coalesce((select max(tick_end) from engine.outbox_volumes), timestamp '0001-01-01') "
        "group by all) as decided join engine.windows as windows "
        f"on windows.tick_end = decided.tick_end and windows.scope = '{DECISIONS}'",
        {"until": window.start},
    )


def note_volumes(
    connection: duckdb.DuckDBPyConnection, window: Window, actions: Mapping[str, int], held: Collection[str]
) -> None:
    """Remember what was decided in a tick, and what of it is held."""
    connection.execute(
        "delete from engine.outbox_volumes where tick_end > $start and tick_end <= $end",
        {"start": window.start, "end": window.end},
    )
    for workflow, number in sorted(actions.items()):
        connection.execute(
            "insert into engine.outbox_volumes values (?, ?, ?, ?, ?)",
            [window.start, window.end, workflow, number, workflow in held],
        )


def window_of_workflow(connection: duckdb.DuckDBPyConnection, workflow: str, window: Window) -> Window:
    """The window that a workflow ran over in a tick; wider than the tick where it catches up."""
    rows = connection.execute(
        "select min(tick_start) from engine.windows where scope = ? and tick_end = ? and succeeded",
        [workflow, window.end],
    ).fetchall()
    return Window(min(rows[0][0] or window.start, window.start), window.end)


def past_ticks(
    connection: duckdb.DuckDBPyConnection,
    workflow: str,
    window: Window,
    *,
    days: int,
    released: Collection[datetime],
) -> list[PastTick]:
    """What a workflow sent in the ticks before, from the first on in which it sent anything.

    Ticks whose actions were held are left out, but for those (by their end) that were released.
    """
    rows = connection.execute(
        "with mine as (select tick_end, actions, is_held from engine.outbox_volumes where workflow = $workflow "
        "and tick_end <= $before) "
        "select windows.tick_start, windows.tick_end, coalesce(mine.actions, 0), coalesce(mine.is_held, false) "
        "from engine.windows as windows left join mine using (tick_end) "
        f"where windows.scope = '{DECISIONS}' and windows.succeeded and windows.tick_end <= $before "
        "and windows.tick_end > $since and windows.tick_end >= (select min(tick_end) from mine where not is_held "
        "or list_contains($released, tick_end)) order by windows.tick_end",
        {
            "workflow": workflow,
            "before": window.start,
            "since": window.start - timedelta(days=days + 1),
            "released": sorted(released),
        },
    ).fetchall()
    return [PastTick(start, end, actions) for start, end, actions, is_held in rows if not is_held or end in released]


def sent_in_all(connection: duckdb.DuckDBPyConnection, workflow: str, window: Window) -> int:
    """How many actions of a workflow have left before a tick without being held."""
    rows = connection.execute(
        "select coalesce(sum(actions), 0)::bigint from engine.outbox_volumes where workflow = ? and tick_end <= ? "
        "and not is_held",
        [workflow, window.start],
    ).fetchall()
    return int(rows[0][0])


def contactable_base(connection: duckdb.DuckDBPyConnection, at: datetime) -> int:
    """How many contacts can be reached and have agreed to anything; counted once a day, as that takes seconds."""
    known = connection.execute(
        "select contacts from engine.contactable_base where day = $at::date", {"at": at}
    ).fetchall()
    if known:
        return int(known[0][0])
    contacts = int(connection.execute(_BASE, {"at": at}).fetchall()[0][0])
    connection.execute(
        "insert into engine.contactable_base values ($at::date, $contacts)", {"at": at, "contacts": contacts}
    )
    return contacts
