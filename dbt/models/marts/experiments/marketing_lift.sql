{{ config(materialized='view') }}

-- What all marketing adds: everybody else beside the global holdout, who get none of it. By what they spent, not by goals: the
-- global holdout enters workflows too, and has none of their own.
with everybody as (
    select * from {{ marketing_people() }} as drawn
),

{{ balance_of('everybody', []) }},

bought as (
    select
        contact_id,
        currency,
        date_trunc('month', converted_at) as month,
        revenue
    from {{ marketing_orders() }} as orders
),

-- a month, and all of them together
periods as (
    select distinct
        currency,
        month
    from bought
    union all
    select distinct
        currency,
        cast(null as timestamp) as month
    from bought
),

spent_in as (
    select
        periods.currency,
        periods.month,
        bought.contact_id,
        sum(bought.revenue) as revenue
    from periods
    inner join bought on periods.currency = bought.currency and coalesce(periods.month, bought.month) = bought.month
    group by periods.currency, periods.month, bought.contact_id
),

sizes as (
    select
        holdout_share,
        count(*) filter (assignment = 'treated') as treated,
        count(*) filter (assignment = 'holdout') as held_out
    from everybody
    where not is_mixed
    group by holdout_share
),

-- who spent nothing needs no row to count: sums and squares do
totals as (
    select
        spent_in.currency,
        spent_in.month,
        everybody.holdout_share,
        {%- for side, name in [('treated', 'treated'), ('holdout', 'held_out')] %}
        sum(spent_in.revenue) filter (everybody.assignment = '{{ side }}') as {{ name }}_sum,
        sum(pow(spent_in.revenue, 2)) filter (everybody.assignment = '{{ side }}') as {{ name }}_squares,
        count(*) filter (everybody.assignment = '{{ side }}') as {{ name }}_spenders
        {{- ',' if not loop.last }}
        {%- endfor %}
    from spent_in
    inner join everybody on spent_in.contact_id = everybody.contact_id
    where not everybody.is_mixed
    group by spent_in.currency, spent_in.month, everybody.holdout_share
),

spent as (
    select
        periods.currency,
        periods.month,
        sizes.*,
        {%- for name in ['treated', 'held_out'] %}
        {%- for figure in ['sum', 'squares', 'spenders'] %}
        coalesce(totals.{{ name }}_{{ figure }}, 0) as {{ name }}_{{ figure }}{{ ',' if not loop.last }}
        {%- endfor %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from periods
    cross join sizes
    left join totals
        on
            periods.currency = totals.currency
            and periods.month is not distinct from totals.month
            and sizes.holdout_share = totals.holdout_share
),

{{ revenue_lifts('spent', ['currency', 'month']) }},

lifts as (
    select
        compared_revenue.*,
        balance.mixed,
        balance.ratio_p,
        balance.drawn_since
    from compared_revenue
    cross join balance
),

{{ awaited('lifts', people='treated + held_out') }},

-- only all months together are called: of many months some would be, sooner or later
told as (
    select
        *,
        {{ lift_verdict(by_people=false) }}
    from awaited
)

select
    cast(month as date) as month,
    currency,
    cast(treated as bigint) as treated,
    cast(held_out as bigint) as held_out,
    mixed,
    {{ revenue_lift_columns(person='contact', added='incremental_revenue') }},
    ratio_p as sample_ratio_p,
    coalesce(ratio_p < 0.001, false) as is_unevenly_divided,
    case when month is null then always_valid_p end as always_valid_p,
    month is null and is_conclusive as is_conclusive,
    case when month is null then verdict end as verdict,
    case when month is null then days_to_verdict end as days_to_verdict,
    case when month is null then outlook end as outlook,
    {{ last_tick_end() }} as as_of
from told
