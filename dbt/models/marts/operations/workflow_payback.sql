{{ config(materialized='view') }}

-- From which month on a workflow has brought in more than it has cost: once by what attribution gives it, and once by what its
-- holdout says that it added. A month of which that cannot be said adds nothing.
with brought_in as (
    {%- for told_by, revenue in [('attributed', 'attributed_revenue'), ('added', 'incremental_revenue')] %}
    select
        month,
        workflow,
        currency,
        coalesce(total_cost, 0) as total_cost,
        '{{ told_by }}' as told_by,
        cast({{ revenue }} as decimal(18, 2)) as revenue
    from {{ ref('incremental_revenue') }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

added_up as (
    select
        *,
        coalesce(sum(revenue) over so_far, 0) as revenue_so_far,
        sum(total_cost) over so_far as cost_so_far,
        min(case when total_cost > 0 then month end) over (partition by workflow, currency, told_by) as first_cost_month
    from brought_in
    window so_far as (partition by workflow, currency, told_by order by month)
),

-- once it has paid it may fall behind again: what counts is since when it has not
standing as (
    select
        *,
        max(case when revenue_so_far < cost_so_far then month end) over whole as last_month_behind,
        max(month) over whole as last_month
    from added_up
    window whole as (partition by workflow, currency, told_by)
),

paid as (
    select
        workflow,
        currency,
        told_by,
        min(first_cost_month) as first_cost_month,
        sum(revenue) as revenue,
        sum(total_cost) as total_cost,
        case
            when max(last_month_behind) is null then min(case when cost_so_far > 0 then month end)
            when max(last_month_behind) < max(last_month) then min(case when month > last_month_behind then month end)
        end as paid_back_month
    from standing
    group by workflow, currency, told_by
    having sum(total_cost) > 0
)

select
    workflow,
    currency,
    min(first_cost_month) as first_cost_month,
    cast(max(total_cost) as decimal(18, 2)) as total_cost,
    {%- for told_by, prefix in [('attributed', ''), ('added', 'added_')] %}
    cast(max(case when told_by = '{{ told_by }}' then revenue end) as decimal(18, 2)) as {{ prefix }}revenue,
    max(case when told_by = '{{ told_by }}' then paid_back_month end) as {{ prefix }}paid_back_month,
    max(case
        when told_by = '{{ told_by }}' then date_diff('month', first_cost_month, paid_back_month) + 1
    end) as {{ prefix }}months_to_pay_back,
    cast(max(case when told_by = '{{ told_by }}' then revenue end) as double)
    / cast(max(total_cost) as double) as {{ prefix }}covered{{ ',' if not loop.last }}
    {%- endfor %}
from paid
group by workflow, currency
