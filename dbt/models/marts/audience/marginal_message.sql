{{ config(event_time='as_of') }}

-- What the n-th message of a week earns: at each midnight, those who got at least n in the week before the last day but one are
-- compared, by what they ordered in the day after the n-th, with what those ordered to whom it would have gone and whom chance
-- (the global holdout) kept from it.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

-- a day is left for the orders that come of a message
meant as (
    select
        midnights.as_of,
        decisions.contact_id,
        decisions.action_id,
        decisions.tick_end,
        decisions.outcome = 'stopped' as is_held_out
    from {{ ref('decisions') }} as decisions
    inner join midnights
        on
            decisions.tick_end > midnights.as_of - interval '8 days'
            and decisions.tick_end <= midnights.as_of - interval '1 day'
    where
        decisions.tick_end > {{ tick_start() }} - interval '8 days'
        and decisions.tick_end <= {{ tick_end() }}
        and decisions.kind = 'send'
        and decisions.topic_kind <> 'transactional'
        and (decisions.outcome = 'send' or (decisions.outcome = 'stopped' and decisions.gate = 'global holdout'))
),

numbered as (
    select
        *,
        row_number() over (partition by as_of, contact_id, is_held_out order by tick_end, action_id) as message_number
    from meant
),

ordered as (
    select
        numbered.as_of,
        numbered.action_id,
        count(*) as orders,
        sum(orders.total) as revenue
    from numbered
    inner join {{ ref('orders') }} as orders
        on
            numbered.contact_id = orders.contact_id
            and numbered.tick_end <= orders.effective_at
            and numbered.tick_end > orders.effective_at - interval '1 day'
    where
        orders.effective_at > {{ tick_start() }} - interval '8 days'
        and orders.effective_at < {{ tick_end() }}
        and orders.status = 'placed'
    group by numbered.as_of, numbered.action_id
),

met_with as (
    select
        numbered.as_of,
        numbered.action_id,
        bool_or(engagement.kind in ('unsubscribed', 'complained')) as is_lost
    from numbered
    inner join {{ ref('message_engagement') }} as engagement
        on
            numbered.action_id = engagement.action_id
            and numbered.tick_end > engagement.known_at - interval '1 day'
    where engagement.known_at >= {{ tick_start() }} - interval '8 days' and engagement.known_at < {{ tick_end() }}
    group by numbered.as_of, numbered.action_id
),

sides as (
    select
        numbered.as_of,
        numbered.message_number,
        count(*) filter (where not numbered.is_held_out) as messages,
        count(*) filter (where numbered.is_held_out) as held_out,
        cast(coalesce(sum(case when not numbered.is_held_out then ordered.orders end), 0) as bigint) as orders,
        cast(coalesce(sum(case when not numbered.is_held_out then ordered.revenue end), 0) as decimal(18, 2)) as revenue,
        cast(coalesce(sum(case when numbered.is_held_out then ordered.revenue end), 0) as decimal(18, 2)) as held_out_revenue,
        count(*) filter (where met_with.is_lost) as lost_contacts
    from numbered
    left join ordered on numbered.as_of = ordered.as_of and numbered.action_id = ordered.action_id
    left join met_with on numbered.as_of = met_with.as_of and numbered.action_id = met_with.action_id
    group by numbered.as_of, numbered.message_number
)

select
    as_of,
    message_number,
    messages,
    orders,
    revenue,
    cast(revenue as double) / nullif(messages, 0) as revenue_per_message,
    held_out,
    cast(held_out_revenue as double) / nullif(held_out, 0) as revenue_per_held_out,
    cast(revenue as double) / nullif(messages, 0) - cast(held_out_revenue as double) / nullif(held_out, 0) as earned_per_message,
    case when held_out > 0 then 'randomised' else 'observational' end as evidence,
    lost_contacts
from sides
where messages > 0
