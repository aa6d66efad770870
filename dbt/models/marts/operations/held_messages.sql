{{ config(materialized='view') }}

-- What the gate out held, for how long, what became of it, and what that cost by what messages of the workflow usually bring.
with last_tick as (
    select max(tick_end) as as_of
    from {{ source('engine', 'windows') }}
    where scope = 'decisions' and succeeded
),

holds as (
    select
        holds.*,
        last_tick.as_of,
        case
            when holds.standing = 'settled' and holds.choice = 'release' then 'sent'
            when holds.choice = 'drop' and holds.standing <> 'held' then 'dropped'
            when holds.standing = 'settled' then 'expired'
            when holds.standing = 'released' then 'released'
            when holds.choice is not null then 'held again'
            else 'held'
        end as became
    from {{ source('engine', 'holds') }} as holds
    cross join last_tick
),

settled as (
    select
        outcomes.action_id,
        max(case outcomes.status when 'accepted' then 1 else 0 end) as is_accepted
    from {{ ref('stg_outcomes') }} as outcomes
    where outcomes.status in ('accepted', 'rejected', 'failed', 'expired')
    group by outcomes.action_id
),

fared as (
    select
        holds.tick_end,
        holds.workflow,
        count(*) filter (where settled.is_accepted = 1) as delivered,
        count(*) filter (where settled.is_accepted = 0) as lost
    from holds
    inner join {{ ref('decisions') }} as decisions
        on holds.tick_end = decisions.tick_end and holds.workflow = decisions.workflow and decisions.outcome = 'send'
    inner join settled on decisions.action_id = settled.action_id
    group by holds.tick_end, holds.workflow
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

fates as (
    select
        holds.*,
        case
            when holds.became in ('held', 'held again') then holds.as_of
            when holds.became = 'expired' then coalesce(holds.first_expires_at, holds.as_of)
            else holds.decided_at
        end as held_until,
        least(coalesce(fared.delivered, 0), holds.actions) as delivered,
        case
            when holds.became in ('dropped', 'expired') then holds.actions - least(coalesce(fared.delivered, 0), holds.actions)
            else coalesce(fared.lost, 0)
        end as lost
    from holds
    left join fared on holds.tick_end = fared.tick_end and holds.workflow = fared.workflow
),

counted as (
    select
        *,
        case when became in ('held', 'held again', 'released') then actions - delivered - lost else 0 end as waiting
    from fates
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
