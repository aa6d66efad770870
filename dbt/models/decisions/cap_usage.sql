{{ config(materialized='table') }}

-- What the contacts at hand got lately, counted by each cap. Only messages that were accepted count, and those whose
-- outcome is still open.
with contacts_at_hand as (
    select distinct contact_id
    from {{ ref('candidate_channels') }}
    where is_promotional and gate is null
),

not_accepted as (
    select action_id
    from {{ ref('stg_outcomes') }}
    where
        status in ('rejected', 'failed', 'expired')
        and effective_at >= {{ tick_start() }} - interval '{{ var("longest_cap") }}'
        and effective_at < {{ tick_end() }}
),

past_sends as (
    select
        action_id,
        contact_id,
        channel,
        topic,
        send_after
    from {{ source('past', 'decisions') }}
    where
        tick_end > {{ tick_start() }} - interval '{{ var("longest_cap") }}'
        and tick_end <= {{ tick_start() }}
        and outcome = 'send'
        and kind = 'send'
        and topic_kind = 'promotional'
        and action_id not in (select action_id from not_accepted)
),

counted as (
    select
        contacts_at_hand.contact_id,
        caps.rule,
        sends.send_after
    from contacts_at_hand
    inner join {{ with_surviving_contacts('past_sends', tick_end()) }} as sends on contacts_at_hand.contact_id = sends.contact_id
    inner join {{ ref('frequency_caps') }} as caps
        on
            caps.channel in ('all', sends.channel)
            and caps.topic in ('all', sends.topic)
            and sends.send_after > {{ tick_end() }} - to_hours(caps.period_hours)
),

by_rule as (
    select
        contacts_at_hand.contact_id,
        caps.rule,
        cast(count(counted.send_after) as integer) as sends,
        coalesce(list(counted.send_after order by counted.send_after desc) filter (counted.send_after is not null), []) as sent_at
    from contacts_at_hand
    cross join {{ ref('frequency_caps') }} as caps
    left join counted on contacts_at_hand.contact_id = counted.contact_id and caps.rule = counted.rule
    where caps.max_sends is not null
    group by contacts_at_hand.contact_id, caps.rule
)

select
    contact_id,
    list(sends order by rule) as sends,
    list(sent_at order by rule) as sent_at
from by_rule
group by contact_id
