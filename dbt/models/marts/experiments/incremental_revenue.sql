{{ config(materialized='view') }}

-- Beside what attribution gives to each workflow, what its holdout says that it added: in each month, what those spent on the
-- goal who were drawn by then, the treated beside the held out.
with entered as (
    select * from {{ assigned() }} as assigned
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

goals as (
    select * from {{ holdout_goals('entered') }} as reached
),

currencies as (
    select
        order_id,
        {{ first_by('currency', 'effective_at') }} as currency
    from {{ ref('orders') }}
    where status = 'placed'
    group by order_id
),

earned as (
    select
        goals.workflow,
        goals.contact_id,
        date_trunc('month', goals.reached_at) as month,
        currencies.currency,
        sum(cast(goals.revenue as double)) as revenue
    from goals
    inner join currencies on goals.conversion_id = currencies.order_id
    group by goals.workflow, goals.contact_id, date_trunc('month', goals.reached_at), currencies.currency
),

months as (
    select
        workflow,
        month,
        currency
    from earned
    union distinct
    select
        workflow,
        cast(month as timestamp) as month,
        currency
    from {{ ref('workflow_roi') }}
),

drawn_by_month as (
    select
        months.workflow,
        months.month,
        months.currency,
        everybody.contact_id,
        everybody.assignment
    from months
    inner join everybody
        on
            months.workflow = everybody.workflow
            and months.month + interval '1 month' > everybody.assigned_at
    where not everybody.is_mixed
),

sides as (
    select
        drawn.workflow,
        drawn.month,
        drawn.currency,
        count(*) filter (drawn.assignment = 'treated') as treated,
        count(*) filter (drawn.assignment = 'holdout') as held_out,
        avg(coalesce(earned.revenue, 0)) filter (drawn.assignment = 'treated')
        - avg(coalesce(earned.revenue, 0)) filter (drawn.assignment = 'holdout') as lift,
        var_samp(coalesce(earned.revenue, 0)) filter (drawn.assignment = 'treated')
        / nullif(count(*) filter (drawn.assignment = 'treated'), 0) as treated_error,
        var_samp(coalesce(earned.revenue, 0)) filter (drawn.assignment = 'holdout')
        / nullif(count(*) filter (drawn.assignment = 'holdout'), 0) as held_out_error
    from drawn_by_month as drawn
    left join earned
        on
            drawn.workflow = earned.workflow
            and drawn.month = earned.month
            and drawn.currency = earned.currency
            and drawn.contact_id = earned.contact_id
    group by drawn.workflow, drawn.month, drawn.currency
),

intervals as (
    select
        *,
        {{ student_quantile(welch_freedom('treated_error', 'treated', 'held_out_error', 'held_out')) }}
        * sqrt(treated_error + held_out_error) as margin
    from sides
)

select
    cast(months.month as date) as month,
    months.workflow,
    months.currency,
    coalesce(roi.revenue, 0) as attributed_revenue,
    coalesce(intervals.treated, 0) as treated,
    coalesce(intervals.held_out, 0) as held_out,
    intervals.lift * intervals.treated as incremental_revenue,
    (intervals.lift - intervals.margin) * intervals.treated as incremental_revenue_low,
    (intervals.lift + intervals.margin) * intervals.treated as incremental_revenue_high,
    roi.total_cost,
    (intervals.lift * intervals.treated - cast(roi.tool_cost + roi.time_cost as double))
    / nullif(cast(roi.total_cost as double), 0) as incremental_roi
from months
left join intervals
    on
        months.workflow = intervals.workflow
        and months.month = intervals.month
        and months.currency = intervals.currency
left join {{ ref('workflow_roi') }} as roi
    on
        months.workflow = roi.workflow
        and months.month = cast(roi.month as timestamp)
        and months.currency = roi.currency
