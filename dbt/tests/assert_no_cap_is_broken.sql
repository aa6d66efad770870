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
)

select *
from {{ broken_caps('sends', 'sends') }} as broken_caps
