{{ config(materialized='view') }}

-- What each workflow, each step that holds some out, and all marketing add, less what was known of their people beforehand: who
-- spent much before would have spent much anyway.
with entered as (
    select * from {{ assigned() }} as at_entry
    union all
    select * from {{ assigned(at_steps=true) }} as at_steps
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

-- all marketing stands beside the workflows, under no name
people as (
    select
        workflow,
        step,
        contact_id,
        assignment,
        holdout_share,
        assigned_at as unaffected_until
    from everybody
    where not is_mixed
    union all
    select
        '' as workflow,
        '' as step,
        contact_id,
        assignment,
        holdout_share,
        assigned_at as unaffected_until
    from {{ marketing_people() }} as of_all
    where not is_mixed
),

surviving as (
    select * from {{ surviving_contacts() }} as merged_away
),

placed as (
    select
        coalesce(surviving.into_contact_id, orders.contact_id) as contact_id,
        orders.currency,
        orders.effective_at,
        cast(orders.total as double) as total
    from {{ ref('orders') }} as orders
    left join surviving on orders.contact_id = surviving.contact_id
    where orders.status = 'placed'
),

-- only what was known before they were drawn: that cannot be an effect
spent_before as (
    select
        people.workflow,
        people.step,
        people.contact_id,
        placed.currency,
        count(*) as orders,
        sum(placed.total) as spent
    from people
    inner join placed
        on
            people.contact_id = placed.contact_id
            and people.unaffected_until > placed.effective_at
            and people.unaffected_until - interval '{{ var("lift_history") }}' <= placed.effective_at
    group by people.workflow, people.step, people.contact_id, placed.currency
),

orders_before as (
    select
        workflow,
        step,
        contact_id,
        sum(orders) as orders
    from spent_before
    group by workflow, step, contact_id
),

reached as (
    select
        goals.workflow,
        goals.step,
        goals.contact_id,
        currencies.currency,
        cast(goals.revenue as double) as revenue
    from {{ holdout_goals('everybody') }} as goals
    left join {{ order_currencies() }} as currencies on goals.conversion_id = currencies.order_id
    union all
    select
        '' as workflow,
        '' as step,
        contact_id,
        currency,
        revenue
    from {{ marketing_orders() }} as orders
),

reached_at_all as (
    select distinct
        workflow,
        step,
        contact_id
    from reached
),

earned as (
    select
        workflow,
        step,
        contact_id,
        currency,
        sum(revenue) as revenue
    from reached
    where currency is not null
    group by workflow, step, contact_id, currency
),

currencies as (
    select distinct
        workflow,
        step,
        currency
    from earned
),

measured as (
    select
        people.workflow,
        people.step,
        'conversions' as measure,
        '' as currency,
        people.assignment,
        people.holdout_share,
        cast(coalesce(orders_before.orders, 0) as double) as before,
        case when reached_at_all.contact_id is null then 0.0 else 1.0 end as outcome
    from people
    left join orders_before
        on
            people.workflow = orders_before.workflow
            and people.step = orders_before.step
            and people.contact_id = orders_before.contact_id
    left join reached_at_all
        on
            people.workflow = reached_at_all.workflow
            and people.step = reached_at_all.step
            and people.contact_id = reached_at_all.contact_id
    union all
    select
        people.workflow,
        people.step,
        'revenue' as measure,
        currencies.currency,
        people.assignment,
        people.holdout_share,
        coalesce(spent_before.spent, 0) as before,
        coalesce(earned.revenue, 0) as outcome
    from people
    inner join currencies
        on people.workflow = currencies.workflow and people.step = currencies.step
    left join spent_before
        on
            people.workflow = spent_before.workflow
            and people.step = spent_before.step
            and people.contact_id = spent_before.contact_id
            and currencies.currency = spent_before.currency
    left join earned
        on
            people.workflow = earned.workflow
            and people.step = earned.step
            and people.contact_id = earned.contact_id
            and currencies.currency = earned.currency
),

{{ adjusted_for_history('measured', ['workflow', 'step', 'measure', 'currency']) }}

select
    nullif(workflow, '') as workflow,
    nullif(nullif(step, ''), 'entered') as step,
    measure,
    nullif(currency, '') as currency,
    cast(treated as bigint) as treated,
    cast(held_out as bigint) as held_out,
    lift,
    lift - margin as lift_low,
    lift + margin as lift_high,
    theta,
    adjusted_lift,
    adjusted_lift - adjusted_margin as adjusted_lift_low,
    adjusted_lift + adjusted_margin as adjusted_lift_high,
    variance_reduction,
    {{ last_tick_end() }} as as_of
from adjusted
