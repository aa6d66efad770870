{{ config(event_time='day') }}

-- What each workflow, step and variant did, day by day. Each number counts on the day on which it became known; a tick
-- works out its own days anew. What is counted has no currency; what is money is told for each.
with days as (
    select
        date_trunc('day', {{ tick_start() }}) as first_day,
        -- a tick that is run again works out its last day with all that has become known on it since
        least(
            date_trunc('day', {{ tick_end() }} - interval '1 microsecond') + interval '1 day',
            greatest({{ tick_end() }}, max(tick_end))
        ) as known_until
    from {{ source('engine', 'windows') }}
    where scope = 'marts' and succeeded
),

reached as (
    select
        date_trunc('day', arrivals.reached_at) as day,
        arrivals.workflow,
        arrivals.step,
        arrivals.assignment,
        count(*) as number
    from {{ ref('arrivals') }} as arrivals
    cross join days
    where arrivals.reached_at >= days.first_day and arrivals.reached_at < days.known_until
    group by date_trunc('day', arrivals.reached_at), arrivals.workflow, arrivals.step, arrivals.assignment
),

-- a decision counts in the tick that made it, though its stamp is the first moment after
decided as (
    select
        date_trunc('day', decisions.tick_end - interval '1 microsecond') as day,
        decisions.workflow,
        decisions.step,
        decisions.variant,
        decisions.outcome,
        decisions.gate,
        count(*) as number,
        count(*) filter (where decisions.times_deferred = 0) as number_of_new
    from {{ ref('decisions') }} as decisions
    cross join days
    where decisions.tick_end > days.first_day and decisions.tick_end <= days.known_until
    group by
        date_trunc('day', decisions.tick_end - interval '1 microsecond'),
        decisions.workflow,
        decisions.step,
        decisions.variant,
        decisions.outcome,
        decisions.gate
),

outcomes as (
    select
        date_trunc('day', outcomes.effective_at) as day,
        outcomes.action_id,
        outcomes.status
    from {{ ref('stg_outcomes') }} as outcomes
    cross join days
    where outcomes.effective_at >= days.first_day and outcomes.effective_at < days.known_until
),

carried as (
    select
        outcomes.day,
        decisions.workflow,
        decisions.step,
        decisions.variant,
        outcomes.status
    from outcomes
    inner join {{ ref('decisions') }} as decisions on outcomes.action_id = decisions.action_id and decisions.outcome = 'send'
    where decisions.tick_end >= (select first_day - interval '{{ var("longest_deferral") }}' from days)
),

engaged as (
    select
        date_trunc('day', engagement.known_at) as day,
        engagement.workflow,
        engagement.step,
        engagement.variant,
        engagement.kind
    from {{ ref('message_engagement') }} as engagement
    cross join days
    where engagement.known_at >= days.first_day and engagement.known_at < days.known_until
),

conversions as (
    select
        date_trunc('day', exits.exited_at) as day,
        exits.workflow,
        exits.enrollment_id,
        exits.exited_at,
        exits.conversion_id,
        exits.revenue
    from {{ ref('exits') }} as exits
    cross join days
    where
        exits.reason = 'converted'
        and exits.exited_at >= days.first_day
        and exits.exited_at < days.known_until
    qualify row_number() over (partition by exits.enrollment_id order by exits.exited_at, exits.conversion_id) = 1
),

first_conversions as (
    select *
    from conversions
    where not exists (
        select 1
        from {{ ref('exits') }} as earlier
        where
            earlier.enrollment_id = conversions.enrollment_id
            and earlier.reason = 'converted'
            and earlier.exited_at < conversions.day
    )
),

-- in which currency, say the orders themselves
currencies as (
    select
        orders.order_id,
        {{ first_by('orders.currency', 'orders.effective_at') }} as currency
    from {{ ref('orders') }} as orders
    where
        orders.order_id in (select conversion_id from first_conversions)
        and orders.status = 'placed'
        and orders.effective_at >= (select first_day - {{ stated_period('latest_conversion') }} from days)
        and orders.effective_at < (select known_until from days)
    group by orders.order_id
),

-- a conversion is counted at the last message before it; before any, at the entry
converted as (
    select
        conversions.day,
        conversions.workflow,
        coalesce({{ last_by('decisions.step', 'decisions.send_after') }}, 'entered') as step,
        {{ last_by('decisions.variant', 'decisions.send_after') }} as variant,
        conversions.enrollment_id,
        any_value(conversions.revenue) as revenue,
        any_value(currencies.currency) as currency
    from first_conversions as conversions
    left join currencies on conversions.conversion_id = currencies.order_id
    left join {{ ref('decisions') }} as decisions
        on
            conversions.enrollment_id = decisions.enrollment_id
            and decisions.outcome = 'send'
            and decisions.kind = 'send'
            and conversions.exited_at >= decisions.send_after
            and decisions.tick_end >= conversions.exited_at - interval '{{ var("longest_stay") }}'
    group by conversions.day, conversions.workflow, conversions.enrollment_id
),

counted as (
    select
        day,
        workflow,
        step,
        cast(null as varchar) as variant,
        'reached' as measure,
        number,
        cast(null as varchar) as currency
    from reached

    union all

    select
        day,
        workflow,
        step,
        cast(null as varchar) as variant,
        'held out' as measure,
        number,
        null as currency
    from reached
    where assignment = 'holdout'

    union all

    select
        day,
        workflow,
        step,
        variant,
        'decided' as measure,
        number_of_new as number,
        null as currency
    from decided

    union all

    select
        day,
        workflow,
        step,
        variant,
        concat_ws(': ', outcome, gate) as measure,
        number,
        null as currency
    from decided

    union all

    select
        day,
        workflow,
        step,
        variant,
        concat('outcome: ', status) as measure,
        1 as number,
        null as currency
    from carried

    union all

    select
        day,
        workflow,
        step,
        variant,
        kind as measure,
        1 as number,
        null as currency
    from engaged

    union all

    select
        day,
        workflow,
        step,
        variant,
        'converted' as measure,
        1 as number,
        null as currency
    from converted

    union all

    select
        day,
        workflow,
        step,
        variant,
        'revenue' as measure,
        revenue as number,
        currency
    from converted
)

select
    cast(day as date) as day,
    workflow,
    step,
    coalesce(variant, 'all') as variant,
    currency,
    cast(sum(case when measure = 'reached' then number else 0 end) as bigint) as reached,
    cast(sum(case when measure = 'held out' then number else 0 end) as bigint) as held_out,
    cast(sum(case when measure = 'decided' then number else 0 end) as bigint) as decided,
    {%- for gate in gates() %}
    cast(sum(
        case when measure = 'stopped: {{ gate }}' then number else 0 end
    ) as bigint) as stopped_{{ gate | replace(' ', '_') }},
    {%- endfor %}
    cast(sum(case when measure like 'deferred%' then number else 0 end) as bigint) as deferred,
    cast(sum(case when measure = 'send' then number else 0 end) as bigint) as sent,
    cast(sum(case when measure = 'outcome: accepted' then number else 0 end) as bigint) as delivered,
    cast(sum(case when measure in (
        'outcome: rejected', 'outcome: failed', 'outcome: expired'
    ) then number else 0 end) as bigint) as not_delivered,
    {%- for kind, column in engagement_kinds().items() %}
    cast(sum(case when measure = '{{ kind }}' then number else 0 end) as bigint) as {{ column }},
    {%- endfor %}
    cast(sum(case when measure = 'converted' then number else 0 end) as bigint) as converted,
    cast(sum(case when measure = 'revenue' then number else 0 end) as decimal(18, 2)) as revenue
from counted
group by day, workflow, step, coalesce(variant, 'all'), currency
