{{ config(materialized='table') }}

-- What the contacts at hand got lately, counted by each cap under which they got anything. Only messages that were accepted
-- count, and those whose outcome is still open.
with contacts_at_hand as (
    select distinct contact_id
    from {{ ref('candidate_channels') }}
    where is_promotional and gate is null
),

-- what somebody got under another id counts too
known_as as (
    select
        contact_id as member_id,
        contact_id
    from contacts_at_hand
    union
    select
        contact_id as member_id,
        into_contact_id as contact_id
    from {{ ref('contact_merges') }}
    where
        merged_at < {{ tick_end() }}
        and into_contact_id in (select contact_id from contacts_at_hand)
),

past_sends as (
    select
        known_as.contact_id,
        past.action_id,
        past.channel,
        past.topic,
        past.send_after
    from {{ source('past', 'decisions') }} as past
    inner join known_as on past.contact_id = known_as.member_id
    where
        past.send_after > {{ tick_end() }} - interval '{{ var("longest_cap") }}'
        and past.tick_end <= {{ tick_start() }}
        and past.outcome = 'send'
        and past.kind = 'send'
        and past.topic_kind <> 'transactional'
),

not_accepted as (
    select distinct action_id
    from {{ ref('stg_outcomes') }}
    where
        status in ('rejected', 'failed', 'expired')
        and effective_at >= {{ tick_start() }} - interval '{{ var("longest_cap") }}'
        and effective_at < {{ tick_end() }}
)

select
    sends.contact_id,
    caps.rule,
    caps.channel,
    caps.topic,
    caps.max_sends,
    caps.period_hours,
    count(*) as sends,
    list(sends.send_after order by sends.send_after desc) as sent_at
from past_sends as sends
inner join {{ caps_in_force() }} as caps
    on
        caps.channel in ('all', sends.channel)
        and caps.topic in ('all', sends.topic)
        and sends.send_after > {{ tick_end() }} - to_hours(caps.period_hours)
left join not_accepted on sends.action_id = not_accepted.action_id
where not_accepted.action_id is null
group by sends.contact_id, caps.rule, caps.channel, caps.topic, caps.max_sends, caps.period_hours
