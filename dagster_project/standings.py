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
with concerned as (
    -- up to the full hour: what is noted is gone through each tick, and few different times are written quicker
    select
        contact_id,
        date_trunc('hour', max(sent_at) - interval 1 microsecond) + interval 1 hour as sent_at
    from (
        select contact_id, greatest(coalesce(send_after, tick_end), tick_end) as sent_at
        from decisions.outbox
        where tick_end = $end and kind = 'send'
            and channel not in ('webhook', 'profile') -- these have no reader, and no links
        union all
        select unnest(cast($noted as bigint[])), null
    )
    group by contact_id
),

choices as (
    select unnest(cast($topics as varchar[])) as topic, unnest(cast($channels as varchar[])) as channel
),

-- as eligibility_by_channel has it, which is asked of everybody
told_of as (
    select topic, channel, channel as changed from choices
    union all
    select choices.topic, choices.channel, 'every channel to the contact'
    from choices
    inner join configuration.channels as channels using (channel)
    where channels.address_type = 'contact'
),

ever_allowed as (
    select changes.contact_id, changes.topic, told_of.channel, max(changes.tick_end) as tick_end
    from eligibility.eligibility_changes as changes
    inner join told_of on changes.topic = told_of.topic and changes.channel = told_of.changed
    where changes.is_consented and changes.contact_id in (select contact_id from concerned)
    group by changes.contact_id, changes.topic, told_of.channel
),

allowed as (
    select contact_id, array_to_string(list_sort(list(topic || '/' || channel)), ' ') as chosen
    from ever_allowed
    -- most of what is known says that they do not: it is asked for less than all of it is compared
    anti join (
        select changes.contact_id, changes.topic, told_of.channel, changes.tick_end
        from eligibility.eligibility_changes as changes
        inner join told_of on changes.topic = told_of.topic and changes.channel = told_of.changed
    ) as later
        on
            ever_allowed.contact_id = later.contact_id
            and ever_allowed.topic = later.topic
            and ever_allowed.channel = later.channel
            and ever_allowed.tick_end < later.tick_end
    group by contact_id
)

select
    contact_id,
    profiles.user_id,
    profiles.email,
    profiles.phone,
    coalesce(allowed.chosen, ''),
    -- of whom nothing is sent now it is shown for as long as it was going to be
    coalesce(concerned.sent_at + $shown_for, $end)
from contacts.contact_profiles as profiles
inner join concerned using (contact_id)
left join allowed using (contact_id)
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
            asked = {
                "end": window.end,
                "noted": noted,
                "topics": [choice.topic for choice in offered],
                "channels": [choice.channel for choice in offered],
                "shown_for": SHOWN_FOR,
            }
            found = connection.execute(_STANDING, asked).fetchall()
            # few choose differently from all others
            allowed = cache(lambda chosen: tuple(chosen.split()))
            standings = (
                Standing(contact, user_id, email, phone, allowed(chosen), shown_until)
                for contact, user_id, email, phone, chosen, shown_until in found
            )
            put(engine, profile.link_key, standings, window.end)
        finally:
            engine.dispose()
    except HourbellError as error:
        log.error("How people stand could not be noted for the page on which they choose: %s", error)


def _registry(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    """The rows of a registry."""
    return [row for (row,) in connection.execute(f"select {name} from configuration.{name} as {name}").fetchall()]
