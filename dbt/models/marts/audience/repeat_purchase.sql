{{ config(event_time='as_of') }}

-- How many customers have ordered more than once, by the month in which they first ordered, as it stands at each midnight.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

customers as (
    select
        as_of,
        contact_id,
        cohort_month,
        count(*) as orders,
        date_diff('day', min(placed_at), max(placed_at)) as days_between_first_and_last
    from {{ kept_orders('midnights') }} as kept
    group by as_of, contact_id, cohort_month
)

select
    as_of,
    cast(cohort_month as date) as cohort_month,
    count(*) as customers,
    count(*) filter (where orders > 1) as repeat_customers,
    cast(sum(orders) as bigint) as orders,
    cast(count(*) filter (where orders > 1) as double) / count(*) as repeat_rate,
    cast(sum(orders) as double) / count(*) as orders_per_customer,
    cast(sum(days_between_first_and_last) as double) / count(*) as days_as_customer
from customers
where cohort_month > as_of - interval '{{ var("cohort_months") }} months'
group by as_of, cohort_month
