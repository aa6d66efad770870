{{ config(event_time='as_of') }}

-- What customers have been worth by now in each currency, by the month in which they first ordered anything, as it stands at each
-- midnight. Who ordered in two currencies is a customer in both.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

customers as (
    select
        as_of,
        cohort_month,
        currency,
        contact_id,
        count(*) as orders,
        sum(revenue) as revenue
    from {{ kept_orders('midnights') }} as orders
    group by as_of, cohort_month, currency, contact_id
)

select
    as_of,
    cast(cohort_month as date) as cohort_month,
    currency,
    count(*) as customers,
    cast(sum(orders) as bigint) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue,
    cast(sum(revenue) as double) / count(*) as revenue_per_customer,
    cast(sum(revenue) as double) / sum(orders) as average_order_value,
    cast(quantile_cont(revenue, 0.5) as double) as median_revenue,
    cast(quantile_cont(revenue, 0.9) as double) as ninth_decile_revenue
from customers
where cohort_month > as_of - interval '{{ var("cohort_months") }} months'
group by as_of, cohort_month, currency
