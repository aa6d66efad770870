{{ config(event_time='as_of') }}

-- What those who first ordered in a month spend in each month since, by currency, as it stands at each midnight.
with midnights as (
    select * from {{ midnights('as_of') }} as times
)

select
    as_of,
    cast(cohort_month as date) as cohort_month,
    date_diff('month', cohort_month, placed_at) as months_since,
    currency,
    count(*) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue
from {{ kept_orders('midnights') }} as orders
where cohort_month > as_of - interval '{{ var("cohort_months") }} months'
group by as_of, cohort_month, date_diff('month', cohort_month, placed_at), currency
