{{ config(materialized='view') }}

-- From which month on a workflow has brought in more than it has cost.
with added_up as (
    select
        month,
        workflow,
        currency,
        revenue,
        total_cost,
        sum(revenue) over (partition by workflow, currency order by month) as revenue_so_far,
        sum(total_cost) over (partition by workflow, currency order by month) as cost_so_far,
        min(case when total_cost > 0 then month end) over (partition by workflow, currency) as first_cost_month
    from {{ ref('workflow_roi') }}
),

-- once it has paid it may fall behind again: what counts is since when it has not
standing as (
    select
        *,
        max(case when revenue_so_far < cost_so_far then month end) over (partition by workflow, currency) as last_month_behind,
        max(month) over (partition by workflow, currency) as last_month
    from added_up
)

select
    workflow,
    currency,
    min(first_cost_month) as first_cost_month,
    cast(sum(revenue) as decimal(18, 2)) as revenue,
    cast(sum(total_cost) as decimal(18, 2)) as total_cost,
    case
        when max(last_month_behind) is null then min(case when cost_so_far > 0 then month end)
        when max(last_month_behind) < max(last_month) then min(case when month > last_month_behind then month end)
    end as paid_back_month,
    date_diff('month', min(first_cost_month), case
        when max(last_month_behind) is null then min(case when cost_so_far > 0 then month end)
        when max(last_month_behind) < max(last_month) then min(case when month > last_month_behind then month end)
    end) + 1 as months_to_pay_back,
    cast(sum(revenue) as double) / nullif(cast(sum(total_cost) as double), 0) as covered
from standing
group by workflow, currency
having sum(total_cost) > 0
