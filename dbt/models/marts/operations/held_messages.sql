{{ config(materialized='view') }}

-- What the gate out held, for how long, what became of it, and what that cost by what messages of the workflow usually bring.
with {{ held_actions() }},

fared as (
    select
        tick_end,
        workflow,
        count(*) filter (where fate = 'delivered') as delivered,
        count(*) filter (where fate = 'lost') as lost,
        count(*) filter (where fate = 'waiting') as waiting
    from held_actions
    group by tick_end, workflow
),

delivered as (
    select
        workflow,
        sum(delivered) as messages
    from {{ ref('workflow_performance') }}
    group by workflow
),

brought_in as (
    select
        workflow,
        currency,
        cast(sum(attributed_gross_revenue - attributed_given_back) as double) as money
    from {{ ref('attributed_conversions') }}
    where is_counted_by and workflow is not null
    group by workflow, currency
),

-- told in the currency in which the workflow brings most; beside it, what its holdout says that it added in that one
worth as (
    select
        brought_in.workflow,
        brought_in.currency,
        brought_in.money / nullif(delivered.messages, 0) as revenue_per_message,
        lifts.added_revenue / nullif(delivered.messages, 0) as added_per_message
    from brought_in
    inner join delivered on brought_in.workflow = delivered.workflow
    left join {{ ref('revenue_lift') }} as lifts
        on
            brought_in.workflow = lifts.workflow
            and brought_in.currency = lifts.currency
            and lifts.step is null
    qualify row_number() over (partition by brought_in.workflow order by brought_in.money desc, brought_in.currency asc) = 1
),

counted as (
    select
        holds.*,
        case
            when holds.became in ('held', 'held again') then holds.as_of
            when holds.became = 'expired' then coalesce(holds.first_expires_at, holds.as_of)
            else holds.decided_at
        end as held_until,
        fared.delivered,
        fared.lost,
        fared.waiting
    from holds
    inner join fared on holds.tick_end = fared.tick_end and holds.workflow = fared.workflow
)

select
    counted.tick_start,
    counted.tick_end,
    cast(counted.tick_end - interval '1 microsecond' as date) as day,
    counted.workflow,
    counted.reasons,
    counted.became,
    counted.decided_by,
    counted.decided_at,
    counted.note,
    greatest(epoch(counted.held_until - counted.tick_end) / 3600.0, 0) as hours_held,
    counted.actions as messages,
    counted.delivered,
    counted.lost,
    counted.waiting,
    worth.currency,
    worth.revenue_per_message,
    counted.lost * worth.revenue_per_message as revenue_lost,
    counted.waiting * worth.revenue_per_message as revenue_at_stake,
    worth.added_per_message,
    -- plus nothing, as nothing times a loss would be less than nothing
    counted.lost * worth.added_per_message + 0.0 as added_revenue_lost,
    counted.waiting * worth.added_per_message + 0.0 as added_revenue_at_stake
from counted
left join worth on counted.workflow = worth.workflow
