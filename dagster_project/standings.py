"""What people allow, noted for the page on which they choose: of whom a message has reached lately, and nobody else."""

import logging

import duckdb

from activations.errors import HourbellError
from activations.settings.profile import silent_profile
from activations.surfaces.place import open_surfaces
from activations.surfaces.standings import SHOWN_FOR, Standing, among, is_empty, put
from dagster_project.home import Home
from dagster_project.ticks.windows import Window

_WRITTEN_TO = """
select contact_id, max(greatest(coalesce(send_after, tick_end), tick_end))
from decisions.outbox
where tick_end = ? and kind = 'send' and channel not in ('webhook', 'profile') -- these have no reader, and no links
group by contact_id
"""
_CHANGED = """
select distinct contact_id from eligibility.eligibility_changes where tick_end > ? and tick_end <= ?
"""
_STANDING = """
with wanted as (
    select unnest(?) as contact_id
),

allowed as (
    select contact_id, string_agg(topic || '/' || channel, ' ' order by topic, channel) as choices
    from eligibility.eligibility
    where is_consented and contact_id in (select contact_id from wanted)
    group by contact_id
)

select profiles.contact_id, profiles.user_id, profiles.email, profiles.phone, coalesce(allowed.choices, '')
from contacts.contact_profiles as profiles
left join allowed using (contact_id)
where profiles.contact_id in (select contact_id from wanted)
"""

log = logging.getLogger(__name__)


def note_standings(connection: duckdb.DuckDBPyConnection, home: Home, window: Window) -> None:
    """Note how those stand who are written to in a tick, and anew those of whom it has learnt something else.

    What cannot be noted is not shown: that stops no tick.
    """
    written_to = dict(connection.execute(_WRITTEN_TO, [window.end]).fetchall())
    try:
        profile = silent_profile(home.sandbox)
        engine = open_surfaces(profile, home.root)
        try:
            noted: list[int] = []
            if not is_empty(engine):
                changed = connection.execute(_CHANGED, [window.start, window.end]).fetchall()
                noted = among(engine, profile.link_key, [contact for (contact,) in changed])
            found = connection.execute(_STANDING, [[*{*written_to, *noted}]]).fetchall()
            # of whom nothing is sent now it is shown for as long as it was going to be
            until = {contact: sent_at + SHOWN_FOR for contact, sent_at in written_to.items()}
            standings = [
                Standing(contact, user_id, email, phone, tuple(choices.split()), until.get(contact, window.end))
                for contact, user_id, email, phone, choices in found
            ]
            put(engine, profile.link_key, standings, window.end)
        finally:
            engine.dispose()
    except HourbellError as error:
        log.error("How people stand could not be noted for the page on which they choose: %s", error)
