{{ config(materialized='view') }}

-- What each workflow adds in money, and each step that holds some out itself: what the treated spent on the goal, beside the held
-- out. A currency stands for itself.
with entered as (
    select * from {{ assigned() }} as at_entry
    union all
    select * from {{ assigned(at_steps=true) }} as at_steps
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

{{ balance_of('everybody', ['workflow', 'step']) }},

earned as (
    select
        goals.workflow,
        goals.step,
        currencies.currency,
        goals.contact_id,
        sum(cast(goals.revenue as double)) as revenue
    from {{ holdout_goals('everybody') }} as goals
    inner join {{ order_currencies() }} as currencies on goals.conversion_id = currencies.order_id
    group by goals.workflow, goals.step, currencies.currency, goals.contact_id
),

currencies as (
    select distinct
        workflow,
        step,
        currency
    from earned
),

people as (
    select
        everybody.workflow,
        everybody.step,
        currencies.currency,
        everybody.contact_id,
        everybody.assignment,
        everybody.holdout_share
    from everybody
    inner join currencies
        on everybody.workflow = currencies.workflow and everybody.step = currencies.step
    where not everybody.is_mixed
),

{{ spent_by_side('people', 'earned', ['workflow', 'step', 'currency']) }},

{{ revenue_lifts('spent', ['workflow', 'step', 'currency']) }},

lifts as (
    select
        compared_revenue.*,
        balance.ratio_p,
        balance.drawn_since
    from compared_revenue
    inner join balance on compared_revenue.workflow = balance.workflow and compared_revenue.step = balance.step
),

{{ awaited('lifts', people='treated + held_out') }}

select
    workflow,
    -- the whole workflow has no step
    nullif(step, 'entered') as step,
    currency,
    cast(treated as bigint) as treated,
    cast(held_out as bigint) as held_out,
    {{ revenue_lift_columns() }},
    always_valid_p,
    is_conclusive,
    {{ lift_verdict() }},
    {{ last_tick_end() }} as as_of
from awaited
