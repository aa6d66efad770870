{{ config(materialized='view') }}

-- Beside what attribution gives to each workflow, what its holdout says that it added: in each month, what those spent on the
-- goal who were drawn by then, the treated beside the held out.
with entered as (
    select * from {{ assigned() }} as assigned
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

earned as (
    select
        goals.workflow,
        date_trunc('month', goals.reached_at) as month,
        currencies.currency,
        goals.contact_id,
        sum(cast(goals.revenue as double)) as revenue
    from {{ holdout_goals('everybody') }} as goals
    inner join {{ order_currencies() }} as currencies on goals.conversion_id = currencies.order_id
    group by goals.workflow, date_trunc('month', goals.reached_at), currencies.currency, goals.contact_id
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
        everybody.assignment,
        everybody.holdout_share
    from months
    inner join everybody
        on
            months.workflow = everybody.workflow
            and months.month + interval '1 month' > everybody.assigned_at
    where not everybody.is_mixed
),

{{ spent_by_side('drawn_by_month', 'earned', ['workflow', 'month', 'currency']) }},

{{ revenue_lifts('spent', ['workflow', 'month', 'currency']) }}

select
    cast(months.month as date) as month,
    months.workflow,
    months.currency,
    coalesce(roi.revenue, 0) as attributed_revenue,
    cast(coalesce(added.treated, 0) as bigint) as treated,
    cast(coalesce(added.held_out, 0) as bigint) as held_out,
    added.lift * added.treated_beside as incremental_revenue,
    (added.lift - added.margin) * added.treated_beside as incremental_revenue_low,
    (added.lift + added.margin) * added.treated_beside as incremental_revenue_high,
    roi.total_cost,
    (added.lift * added.treated_beside - cast(roi.tool_cost + roi.time_cost as double))
    / nullif(cast(roi.total_cost as double), 0) as incremental_roi
from months
left join compared_revenue as added
    on
        months.workflow = added.workflow
        and months.month = added.month
        and months.currency = added.currency
left join {{ ref('workflow_roi') }} as roi
    on
        months.workflow = roi.workflow
        and months.month = cast(roi.month as timestamp)
        and months.currency = roi.currency
