-- Frequency caps, counted plainly: at no send had a person had more than a cap allows in the time up to it, itself included.
-- What the carrier refused does not count.
with refused as (
    select action_id
    from {{ ref('stg_outcomes') }}
    where status in ('rejected', 'failed', 'expired')
),

sends as (
    select
        action_id,
        contact_id,
        channel,
        topic,
        tick_end,
        send_after
    from {{ ref('decisions') }}
    where
        outcome = 'send'
        and kind = 'send'
        and topic_kind <> 'transactional'
        and action_id not in (select action_id from refused)
),

-- everyone that a contact was known to stand for when it was decided
known_as as (
    select
        action_id,
        contact_id
    from sends

    union

    select
        sends.action_id,
        absorbed.contact_id
    from sends
    inner join {{ ref('contact_merges') }} as absorbed
        on
            sends.contact_id = absorbed.into_contact_id
            and sends.tick_end > absorbed.merged_at
)

select
    sends.action_id,
    sends.contact_id,
    sends.send_after,
    caps.rule,
    count(*) as messages
from sends
inner join {{ ref('frequency_caps') }} as caps
    on
        (caps.channel = 'all' or sends.channel = caps.channel)
        and (caps.topic = 'all' or sends.topic = caps.topic)
inner join known_as on sends.action_id = known_as.action_id
inner join sends as had
    on
        known_as.contact_id = had.contact_id
        and (caps.channel = 'all' or caps.channel = had.channel)
        and (caps.topic = 'all' or caps.topic = had.topic)
        and sends.send_after >= had.send_after
        and sends.send_after < had.send_after + to_hours(caps.period_hours)
where caps.max_sends is not null
group by sends.action_id, sends.contact_id, sends.send_after, caps.rule, caps.max_sends
having count(*) > caps.max_sends
