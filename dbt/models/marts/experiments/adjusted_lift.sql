{{ config(materialized='view') }}

-- What each workflow adds, less what was known of its people beforehand: who spent much before would have spent much anyway.
with entered as (
    select * from {{ assigned() }} as assigned
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

goals as (
    select * from {{ holdout_goals('entered') }} as reached
),

surviving as (
    select * from {{ surviving_contacts() }} as merged_away
),

placed as (
    select
        coalesce(surviving.into_contact_id, orders.contact_id) as contact_id,
        orders.effective_at,
        cast(orders.total as double) as total
    from {{ ref('orders') }} as orders
    left join surviving on orders.contact_id = surviving.contact_id
    where orders.status = 'placed'
),

-- only what was known before they were drawn: that cannot be an effect
spent_before as (
    select
        everybody.workflow,
        everybody.contact_id,
        sum(placed.total) as spent
    from everybody
    inner join placed
        on
            everybody.contact_id = placed.contact_id
            and everybody.assigned_at > placed.effective_at
            and everybody.assigned_at - interval '{{ var("lift_history") }}' <= placed.effective_at
    group by everybody.workflow, everybody.contact_id
),

reached as (
    select
        workflow,
        contact_id,
        cast(sum(revenue) as double) as revenue
    from goals
    group by workflow, contact_id
),

people as (
    select
        everybody.workflow,
        everybody.assignment,
        case when reached.contact_id is null then 0.0 else 1.0 end as converted,
        coalesce(reached.revenue, 0) as revenue,
        coalesce(spent_before.spent, 0) as before
    from everybody
    left join reached on everybody.workflow = reached.workflow and everybody.contact_id = reached.contact_id
    left join spent_before on everybody.workflow = spent_before.workflow and everybody.contact_id = spent_before.contact_id
    where not everybody.is_mixed
),

measured as (
    select
        workflow,
        'conversions' as measure,
        assignment,
        before,
        cast(converted as double) as outcome
    from people
    union all
    select
        workflow,
        'revenue' as measure,
        assignment,
        before,
        revenue as outcome
    from people
),

{{ adjusted_for_history('measured', ['workflow', 'measure']) }}

select
    workflow,
    measure,
    treated,
    held_out,
    lift,
    lift - margin as lift_low,
    lift + margin as lift_high,
    theta,
    adjusted_lift,
    adjusted_lift - adjusted_margin as adjusted_lift_low,
    adjusted_lift + adjusted_margin as adjusted_lift_high,
    variance_reduction
from adjusted
