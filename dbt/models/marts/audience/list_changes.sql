{{ config(event_time='as_of', access='protected') }}

-- Who came to each list in the day that ends at a midnight, and who went and why. A list is whoever may be written to by a
-- channel about a topic, and can be.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

changed as (
    select distinct
        midnights.as_of,
        changes.contact_id,
        changes.channel,
        changes.topic
    from {{ ref('eligibility_by_channel') }} as changes
    inner join midnights
        on changes.tick_end > midnights.as_of - interval '1 day' and changes.tick_end <= midnights.as_of
    where
        changes.tick_end > {{ tick_start() }} - interval '1 day'
        and changes.tick_end <= {{ tick_end() }}
),

-- only of them it is looked up how they stood before
standings as (
    select
        changed.as_of,
        changed.contact_id,
        changed.channel,
        changed.topic,
        {{ last_by('changes.is_reachable and changes.is_consented', 'changes.tick_end') }} as is_member,
        {{ last_by("coalesce(changes.unreachable_reason, '')", 'changes.tick_end') }} as unreachable_reason,
        {{ last_by("coalesce(changes.suppression_reason = 'complaint', false)", 'changes.tick_end') }} as has_complained,
        coalesce({{ last_by('changes.is_reachable and changes.is_consented', 'changes.tick_end') }} filter (
            where changes.tick_end <= changed.as_of - interval '1 day'
        ), false) as was_member
    from changed
    inner join {{ ref('eligibility_by_channel') }} as changes
        on
            changed.contact_id = changes.contact_id
            and changed.channel = changes.channel
            and changed.topic = changes.topic
            and changed.as_of >= changes.tick_end
    where changes.tick_end <= {{ tick_end() }}
    group by changed.as_of, changed.contact_id, changed.channel, changed.topic
),

came_and_went as (
    select
        *,
        case
            when is_member then 'joined'
            when unreachable_reason = 'hard bounce' then 'bounced'
            when unreachable_reason = 'no address' then 'without address'
            when unreachable_reason = 'merged away' then 'merged'
            when unreachable_reason = 'erased' then 'erased'
            when has_complained then 'complained'
            else 'unsubscribed'
        end as became
    from standings
    where is_member <> was_member
)

select
    as_of,
    cast(as_of - interval '1 day' as date) as day,
    channel,
    topic,
    became,
    row_number() over (partition by as_of, channel, topic, became order by contact_id) as place,
    contact_id
from came_and_went
