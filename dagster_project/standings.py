"""What people allow, noted for the page on which they choose: of whom a message has reached lately, and nobody else."""

import logging
from functools import cache
from typing import Any

import duckdb

from activations.collector.choices import choices
from activations.errors import HourbellError
from activations.settings.environment import silent_profile
from activations.surfaces.place import open_surfaces
from activations.surfaces.standings import SHOWN_FOR, Standing, among, is_empty, put
from dagster_project.home import Home
from dagster_project.ticks.windows import Window

_CHANGED = """
select distinct contact_id from eligibility.eligibility_changes where tick_end > ? and tick_end <= ?
"""
# the latest change is what holds; of these contacts alone, since a view of everybody is worked out for everybody, and
# of what the page lets them choose
_STANDING = """
with written_to as (
    -- up to the full hour: what is noted is gone through each tick, and few different times are written quicker
    select
        contact_id,
        date_trunc('hour', max(greatest(coalesce(send_after, tick_end), tick_end)) - interval 1 microsecond)
        + interval 1 hour as sent_at
    from decisions.outbox
    where tick_end = ? and kind = 'send' and channel not in ('webhook', 'profile') -- these have no reader, and no links
    group by contact_id
),

wanted as (
    select contact_id from written_to
    union
    select unnest(cast(? as bigint[]))
),

choices as (
    select unnest(cast(? as varchar[])) as topic, unnest(cast(? as varchar[])) as channel
),

latest as (
    select contact_id, topic, channel, arg_max(is_consented, tick_end) as is_consented
    from eligibility.eligibility_changes
    inner join choices using (topic, channel)
    where contact_id in (select contact_id from wanted)
    group by contact_id, topic, channel
),

allowed as (
    select contact_id, array_to_string(list_sort(list(topic || '/' || channel)), ' ') as chosen
    from latest
    where is_consented
    group by contact_id
)

select contact_id, profiles.user_id, profiles.email, profiles.phone, coalesce(allowed.chosen, ''), written_to.sent_at
from contacts.contact_profiles as profiles
inner join wanted using (contact_id)
left join allowed using (contact_id)
left join written_to using (contact_id)
"""

log = logging.getLogger(__name__)


def note_standings(connection: duckdb.DuckDBPyConnection, home: Home, window: Window) -> None:
    """Note how those stand who are written to in a tick, and anew those of whom it has learnt something else.

    What cannot be noted is not shown: that stops no tick.
    """
    try:
        profile = silent_profile(home.sandbox)
        engine = open_surfaces(profile, home.root)
        try:
            noted: list[int] = []
            if not is_empty(engine):
                changed = connection.execute(_CHANGED, [window.start, window.end]).fetchall()
                noted = among(engine, profile.link_key, [contact for (contact,) in changed])
            offered = choices(_registry(connection, "topics"), _registry(connection, "channels"))
            asked = [[choice.topic for choice in offered], [choice.channel for choice in offered]]
            found = connection.execute(_STANDING, [window.end, noted, *asked]).fetchall()
            # few choose differently from all others
            allowed = cache(lambda chosen: tuple(chosen.split()))
            standings = [
                # of whom nothing is sent now it is shown for as long as it was going to be
                Standing(
                    contact, user_id, email, phone, allowed(chosen), sent_at + SHOWN_FOR if sent_at else window.end
                )
                for contact, user_id, email, phone, chosen, sent_at in found
            ]
            put(engine, profile.link_key, standings, window.end)
        finally:
            engine.dispose()
    except HourbellError as error:
        log.error("How people stand could not be noted for the page on which they choose: %s", error)


def _registry(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    """The rows of a registry."""
    return [row for (row,) in connection.execute(f"select {name} from configuration.{name} as {name}").fetchall()]
