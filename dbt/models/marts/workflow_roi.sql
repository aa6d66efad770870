{{ config(materialized='view') }}

-- What each workflow brought in and what it cost, month by month.
-- by the model of attribution that counts
with brought_in as (
    select
        date_trunc('month', attributed.converted_at) as month,
        attributed.workflow,
        attributed.currency,
        count(distinct attributed.conversion_id) filter (where attributed.attributed_conversions > 0) as conversions,
        sum(attributed.attributed_gross_revenue) as gross_revenue,
        sum(attributed.attributed_given_back) as given_back
    from {{ ref('attributed_conversions') }} as attributed
    where attributed.is_counted_by and attributed.workflow is not null
    group by date_trunc('month', attributed.converted_at), attributed.workflow, attributed.currency
),

messages as (
    select
        date_trunc('month', send_after) as month,
        workflow,
        count(*) as messages
    from {{ ref('decisions') }}
    where outcome = 'send' and kind = 'send'
    group by date_trunc('month', send_after), workflow
),

months_paid_for as (
    select
        *,
        unnest(generate_series(
            date_trunc('month', cast(period_start as timestamp)), cast(period_end as timestamp), interval '1 month'
        )) as month
    from {{ ref('stg_costs') }}
),

-- a cost is spread evenly over the days that it pays for
monthly_costs as (
    select
        month,
        workflow,
        kind,
        currency,
        amount * (
            least(period_end, cast(month + interval '1 month' as date) - 1) - greatest(period_start, cast(month as date)) + 1
        ) / (period_end - period_start + 1) as amount
    from months_paid_for
),

registry as (
    {%- for workflow in var('workflows') | sort %}
    select '{{ workflow }}' as workflow
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

-- what serves all is shared out by the messages of the month; by heads in a month without any
portions as (
    select
        months.month,
        registry.workflow,
        coalesce(
            coalesce(messages.messages, 0) / nullif(sum(coalesce(messages.messages, 0)) over (partition by months.month), 0),
            1.0 / count(*) over (partition by months.month)
        ) as portion
    from (select distinct month from monthly_costs) as months
    cross join registry
    left join messages on months.month = messages.month and registry.workflow = messages.workflow
),

spent as (
    select
        month,
        workflow,
        kind,
        currency,
        amount
    from monthly_costs
    where workflow is not null
    union all
    select
        costs.month,
        portions.workflow,
        costs.kind,
        costs.currency,
        costs.amount * portions.portion as amount
    from monthly_costs as costs
    inner join portions on costs.month = portions.month
    where costs.workflow is null
),

costs_by_workflow as (
    select
        month,
        workflow,
        currency,
        sum(case when kind = 'tool' then amount else 0 end) as tool_cost,
        sum(case when kind = 'time' then amount else 0 end) as time_cost,
        sum(case when kind not in ('tool', 'time') then amount else 0 end) as other_cost
    from spent
    group by month, workflow, currency
),

both_sides as (
    select
        coalesce(brought_in.month, costs.month) as month,
        coalesce(brought_in.workflow, costs.workflow) as workflow,
        coalesce(brought_in.currency, costs.currency) as currency,
        coalesce(brought_in.conversions, 0) as conversions,
        cast(coalesce(brought_in.gross_revenue, 0) as decimal(18, 2)) as gross_revenue,
        cast(coalesce(brought_in.given_back, 0) as decimal(18, 2)) as given_back,
        cast(coalesce(costs.tool_cost, 0) as decimal(18, 2)) as tool_cost,
        cast(coalesce(costs.time_cost, 0) as decimal(18, 2)) as time_cost,
        cast(coalesce(costs.other_cost, 0) as decimal(18, 2)) as other_cost
    from brought_in
    full outer join costs_by_workflow as costs
        on
            brought_in.month = costs.month
            and brought_in.workflow = costs.workflow
            and brought_in.currency = costs.currency
)

select
    cast(both_sides.month as date) as month,
    both_sides.workflow,
    both_sides.currency,
    coalesce(messages.messages, 0) as messages,
    both_sides.conversions,
    both_sides.gross_revenue,
    both_sides.given_back,
    cast(both_sides.gross_revenue - both_sides.given_back as decimal(18, 2)) as revenue,
    both_sides.tool_cost,
    both_sides.time_cost,
    both_sides.other_cost,
    cast(both_sides.tool_cost + both_sides.time_cost + both_sides.other_cost as decimal(18, 2)) as total_cost,
    cast(both_sides.gross_revenue - both_sides.given_back - both_sides.tool_cost - both_sides.time_cost as double)
    / nullif(cast(both_sides.tool_cost + both_sides.time_cost + both_sides.other_cost as double), 0) as roi,
    cast(
        both_sides.gross_revenue - both_sides.given_back
        - both_sides.tool_cost - both_sides.time_cost - both_sides.other_cost as double
    ) / nullif(cast(both_sides.tool_cost + both_sides.time_cost + both_sides.other_cost as double), 0) as roi_after_all_costs
from both_sides
left join messages on both_sides.month = messages.month and both_sides.workflow = messages.workflow
