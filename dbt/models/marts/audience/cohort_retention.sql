{{ config(event_time='as_of') }}

-- How many of those who first ordered in a month order again in the months that follow, as it stands at each midnight.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

orders as (
    select
        *,
        row_number() over (partition by as_of, contact_id order by placed_at, order_id) as place
    from {{ kept_orders('midnights') }} as kept
),

cohorts as (
    select
        as_of,
        cohort_month,
        count(distinct contact_id) as customers
    from orders
    where cohort_month > as_of - interval '{{ var("cohort_months") }} months'
    group by as_of, cohort_month
),

months as (
    select
        as_of,
        cohort_month,
        customers,
        unnest(generate_series(
            0, cast(date_diff('month', cohort_month, as_of - interval '1 microsecond') as bigint)
        )) as months_since
    from cohorts
),

ordered as (
    select
        as_of,
        cohort_month,
        date_diff('month', cohort_month, placed_at) as months_since,
        count(distinct contact_id) as active_customers,
        count(distinct contact_id) filter (where place > 1) as repeat_customers,
        count(*) as orders
    from orders
    group by as_of, cohort_month, date_diff('month', cohort_month, placed_at)
)

select
    months.as_of,
    cast(months.cohort_month as date) as cohort_month,
    months.months_since,
    months.customers,
    coalesce(ordered.active_customers, 0) as active_customers,
    coalesce(ordered.repeat_customers, 0) as repeat_customers,
    coalesce(ordered.orders, 0) as orders,
    cast(coalesce(ordered.active_customers, 0) as double) / months.customers as retention,
    cast(coalesce(ordered.repeat_customers, 0) as double) / months.customers as repeat_rate
from months
left join ordered
    on
        months.as_of = ordered.as_of
        and months.cohort_month = ordered.cohort_month
        and months.months_since = ordered.months_since
