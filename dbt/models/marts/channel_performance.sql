{{ config(event_time='day') }}

-- What became of messages, by the channel that they went by, day by day. Each number counts on the day on which it became
-- known; a tick works out its own days anew.
with days as (
    select
        date_trunc('day', {{ tick_start() }}) as first_day,
        -- as in workflow_performance
        least(
            date_trunc('day', {{ tick_end() }} - interval '1 microsecond') + interval '1 day',
            greatest({{ tick_end() }}, max(tick_end))
        ) as known_until
    from {{ source('engine', 'windows') }}
    where scope = 'marts' and succeeded
),

messages as (
    select
        action_id,
        tick_end,
        workflow,
        step,
        variant,
        channel
    from {{ ref('decisions') }}
    where outcome = 'send' and kind = 'send'
),

counted as (
    select
        date_trunc('day', messages.tick_end - interval '1 microsecond') as day,
        messages.workflow,
        messages.step,
        messages.variant,
        messages.channel,
        'sent' as measure
    from messages
    cross join days
    where messages.tick_end > days.first_day and messages.tick_end <= days.known_until

    union all

    select
        date_trunc('day', outcomes.effective_at) as day,
        messages.workflow,
        messages.step,
        messages.variant,
        messages.channel,
        case when outcomes.status = 'accepted' then 'delivered' else 'not delivered' end as measure
    from {{ ref('stg_outcomes') }} as outcomes
    cross join days
    inner join messages on outcomes.action_id = messages.action_id
    where
        outcomes.effective_at >= days.first_day
        and outcomes.effective_at < days.known_until
        and outcomes.status in ('accepted', 'rejected', 'failed', 'expired')
        and messages.tick_end >= days.first_day - interval '{{ var("longest_deferral") }}'

    union all

    select
        date_trunc('day', engagement.known_at) as day,
        engagement.workflow,
        engagement.step,
        engagement.variant,
        engagement.channel,
        engagement.kind as measure
    from {{ ref('message_engagement') }} as engagement
    cross join days
    where engagement.known_at >= days.first_day and engagement.known_at < days.known_until
)

select
    cast(day as date) as day,
    workflow,
    step,
    coalesce(variant, 'all') as variant,
    channel,
    count(*) filter (measure = 'sent') as sent,
    count(*) filter (measure = 'delivered') as delivered,
    count(*) filter (measure = 'not delivered') as not_delivered,
    {%- for kind, column in engagement_kinds().items() %}
    count(*) filter (measure = '{{ kind }}') as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from counted
group by cast(day as date), workflow, step, coalesce(variant, 'all'), channel
