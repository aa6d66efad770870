"""What came back of messages, by channel and domain, and which workflows are about to send where it was too much."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb

from activations.holds.reputation import ALL, Limits, Reputation

_NEEDED = (
    "staging.stg_outcomes",
    "decisions.decisions",
    "marts.message_engagement",
    "eligibility.eligibility_changes",
)

# a message has a domain where its address has one: the address that the contact had when it was decided
_COUNTED = f"""
with sent as (
    select
        decisions.action_id,
        decisions.contact_id,
        decisions.channel,
        max(outcomes.status = 'accepted') as is_accepted,
        max(outcomes.status = 'rejected') as is_refused,
        any_value(decisions.tick_end) as decided_at
    from staging.stg_outcomes as outcomes
    inner join decisions.decisions as decisions
        on outcomes.action_id = decisions.action_id and decisions.outcome = 'send' and decisions.kind = 'send'
    where
        outcomes.effective_at >= $since
        and outcomes.effective_at < $until
        and outcomes.status in ('accepted', 'rejected')
        and coalesce(outcomes.provider, '') <> $gate
    group by all
),

answers as (
    select
        action_id,
        max(kind = 'complained') as has_complained,
        max(kind = 'bounced') as has_bounced
    from marts.message_engagement
    where known_at >= $since and known_at < $until and kind in ('complained', 'bounced')
    group by action_id
),

addressed as (
    select
        sent.*,
        lower(nullif(split_part(
            arg_max(changes.address, changes.tick_end) filter (changes.tick_end <= sent.decided_at), '@', 2
        ), '')) as domain
    from sent
    left join eligibility.eligibility_changes as changes
        on sent.contact_id = changes.contact_id and sent.channel = changes.channel and changes.address is not null
    group by all
)

select
    addressed.channel,
    case when grouping(addressed.domain) = 1 then '{ALL}' else addressed.domain end as domain,
    count(distinct addressed.contact_id) as recipients,
    count(*) as tried,
    count(*) filter (where addressed.is_accepted) as accepted,
    count(*) filter (where coalesce(answers.has_complained, false)) as complaints,
    count(*) filter (where addressed.is_refused or coalesce(answers.has_bounced, false)) as bounces
from addressed
left join answers on addressed.action_id = answers.action_id
group by grouping sets ((addressed.channel), (addressed.channel, addressed.domain))
having grouping(addressed.domain) = 1 or addressed.domain is not null
order by all
"""
_LEAVING = """
select distinct
    workflow,
    channel,
    lower(coalesce(nullif(split_part(address, '@', 2), ''), '')) as domain
from decisions.outbox
where tick_end = $tick_end and kind = 'send' and topic_kind <> 'transactional'
order by all
"""


def reputations(connection: duckdb.DuckDBPyConnection, at: datetime, limits: Limits, gate: str) -> list[Reputation]:
    """What became known before a time of the messages of the days before, by channel, and by channel and domain; none
    where nothing was ever sent. What the gate out itself refused is nobody's fault (`gate` is its name as provider)."""
    built = connection.execute(
        "select count(*) from information_schema.tables where list_contains($names, table_schema || '.' || table_name)",
        {"names": [*_NEEDED]},
    ).fetchall()[0][0]
    if built < len(_NEEDED):
        return []
    rows = connection.execute(
        _COUNTED, {"since": at - timedelta(days=limits.over_days), "until": at, "gate": gate}
    ).fetchall()
    return [Reputation(*row) for row in rows]


def reasons_to_stop(
    connection: duckdb.DuckDBPyConnection, tick_end: datetime, known: Sequence[Reputation], limits: Limits
) -> dict[str, list[str]]:
    """Of a tick's workflows those that are about to send promotions where our standing is lost, and why."""
    stopped = {(one.channel, one.domain): one.told(limits) for one in known if one.level(limits) == "stopped"}
    reasons: dict[str, list[str]] = {}
    if not stopped:
        return reasons
    for workflow, channel, domain in connection.execute(_LEAVING, {"tick_end": tick_end}).fetchall():
        for place in ((channel, domain), (channel, ALL)):
            told = stopped.get(place)
            if told is not None and told not in reasons.setdefault(workflow, []):
                reasons[workflow].append(told)
    return {workflow: found for workflow, found in reasons.items() if found}
