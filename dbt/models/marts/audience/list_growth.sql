{{ config(event_time='as_of') }}

-- Who may be written to and can be, at each midnight: how many they are, who came and who went in the day that ends.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

standings as (
    select
        midnights.as_of,
        changes.contact_id,
        changes.channel,
        changes.topic,
        {{ last_by('changes.is_reachable and changes.is_consented', 'changes.tick_end') }} as is_member,
        {{ last_by("coalesce(changes.unreachable_reason, '')", 'changes.tick_end') }} as unreachable_reason,
        coalesce({{ last_by('changes.is_reachable and changes.is_consented', 'changes.tick_end') }} filter (
            where changes.tick_end <= midnights.as_of - interval '1 day'
        ), false) as was_member
    from {{ ref('eligibility_changes') }} as changes
    inner join midnights on changes.tick_end <= midnights.as_of
    where changes.tick_end <= {{ tick_end() }}
    group by midnights.as_of, changes.contact_id, changes.channel, changes.topic
)

select
    as_of,
    cast(as_of - interval '1 day' as date) as day,
    channel,
    topic,
    count(*) filter (where was_member) as members_before,
    count(*) filter (where is_member and not was_member) as joined,
    count(*) filter (where was_member and not is_member and unreachable_reason = '') as unsubscribed,
    count(*) filter (where was_member and not is_member and unreachable_reason = 'hard bounce') as bounced,
    count(*) filter (where was_member and not is_member and unreachable_reason = 'erased') as erased,
    count(*) filter (where was_member and not is_member and unreachable_reason = 'no address') as without_address,
    count(*) filter (where was_member and not is_member and unreachable_reason = 'merged away') as merged,
    count(*) filter (where is_member) as members,
    cast(count(*) filter (where is_member) - count(*) filter (where was_member) as double)
    / nullif(count(*) filter (where was_member), 0) as growth
from standings
group by as_of, channel, topic
