{{ config(event_time='known_at', access='protected') }}

-- Every order beside the messages that its person got in the time before it: what models of attribution share out the
-- credit among. An order counts in the tick that learns of it, and when things happened decides what came before what.
with conversions as (
    select
        order_id as conversion_id,
        contact_id,
        total as revenue,
        currency,
        occurred_at as converted_at,
        effective_at as known_at
    from {{ ref('orders') }}
    where
        {{ in_tick('effective_at') }}
        and status = 'placed'
        and contact_id is not null
        and occurred_at > effective_at - interval '{{ var("latest_conversion") }}'
),

-- what somebody got under another id was theirs too
known_as as (
    select
        conversion_id,
        contact_id as member_id
    from conversions
    union
    select
        conversions.conversion_id,
        absorbed.contact_id as member_id
    from conversions
    inner join {{ ref('contact_merges') }} as absorbed
        on conversions.contact_id = absorbed.into_contact_id and conversions.known_at >= absorbed.merged_at
),

-- a message that belongs to an order is not what the next order came of
messages as (
    select *
    from {{ ref('decisions') }}
    where
        outcome = 'send'
        and kind = 'send'
        and topic_kind <> 'transactional'
        and send_after
        > {{ tick_start() }} - interval '{{ var("latest_conversion") }}' - interval '{{ var("attribution_window") }}'
        and contact_id in (select member_id from known_as)
),

not_received as (
    select
        action_id,
        effective_at as known_at
    from {{ ref('stg_outcomes') }}
    where
        status in ('rejected', 'failed', 'expired')
        and effective_at < {{ tick_end() }}
        and action_id in (select action_id from messages)
    union all
    select
        action_id,
        known_at
    from {{ ref('message_engagement') }}
    where
        kind = 'bounced'
        and known_at < {{ tick_end() }}
        and action_id in (select action_id from messages)
)

select
    conversions.conversion_id,
    messages.action_id,
    conversions.contact_id,
    messages.enrollment_id,
    messages.workflow,
    messages.step,
    messages.variant,
    messages.channel,
    messages.topic,
    messages.send_after as touched_at,
    conversions.converted_at,
    conversions.known_at,
    conversions.revenue,
    conversions.currency
from conversions
inner join known_as on conversions.conversion_id = known_as.conversion_id
inner join messages
    on
        known_as.member_id = messages.contact_id
        and conversions.converted_at >= messages.send_after
        and conversions.converted_at < messages.send_after + interval '{{ var("attribution_window") }}'
where not exists (
    select 1
    from not_received
    where not_received.action_id = messages.action_id and not_received.known_at <= conversions.known_at
)
