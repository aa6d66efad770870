{{ config(materialized='view') }}

-- What all marketing adds: everybody else beside the global holdout, who get none of it. By what they spent, not by goals: the
-- global holdout enters workflows too, and has none of their own.
with begun as (
    select min(tick_end) as at from {{ ref('decisions') }}
),

surviving as (
    select * from {{ surviving_contacts() }} as merged_away
),

-- everybody by every id that they had, because the draw went by the id of then
drawn as (
    select
        contact_id,
        contact_id as drawn_contact_id
    from {{ ref('contact_profiles') }}
    union all
    select
        into_contact_id as contact_id,
        contact_id as drawn_contact_id
    from surviving
),

people as (
    select
        drawn.contact_id,
        bool_and({{ salted_share(["'global holdout'", 'drawn.drawn_contact_id']) }} < {{ var('global_holdout') }}) as always_out,
        bool_or({{ salted_share(["'global holdout'", 'drawn.drawn_contact_id']) }} < {{ var('global_holdout') }}) as ever_out
    from drawn
    inner join {{ ref('contact_profiles') }} as known on drawn.contact_id = known.contact_id
    group by drawn.contact_id
),

spent as (
    select
        coalesce(surviving.into_contact_id, conversions.contact_id) as contact_id,
        conversions.currency,
        date_trunc('month', conversions.converted_at) as month,
        cast(conversions.revenue as double) - coalesce(cast(given_back.amount as double), 0) as revenue
    from {{ ref('conversions') }} as conversions
    cross join begun
    left join surviving on conversions.contact_id = surviving.contact_id
    left join {{ ref('given_back') }} as given_back on conversions.conversion_id = given_back.conversion_id
    where begun.at <= conversions.converted_at and conversions.contact_id is not null
),

-- a month, and all of them together
periods as (
    select distinct
        currency,
        month
    from spent
    union all
    select distinct
        currency,
        cast(null as timestamp) as month
    from spent
),

spent_in as (
    select
        periods.currency,
        periods.month,
        spent.contact_id,
        sum(spent.revenue) as revenue
    from periods
    inner join spent on periods.currency = spent.currency and coalesce(periods.month, spent.month) = spent.month
    group by periods.currency, periods.month, spent.contact_id
),

-- who spent nothing needs no row to count: sums and squares do
totals as (
    select
        spent_in.currency,
        spent_in.month,
        sum(spent_in.revenue) filter (not people.ever_out) as treated_sum,
        sum(pow(spent_in.revenue, 2)) filter (not people.ever_out) as treated_squares,
        sum(spent_in.revenue) filter (people.always_out) as held_out_sum,
        sum(pow(spent_in.revenue, 2)) filter (people.always_out) as held_out_squares
    from spent_in
    inner join people on spent_in.contact_id = people.contact_id
    group by spent_in.currency, spent_in.month
),

sizes as (
    select
        count(*) filter (not ever_out) as treated,
        count(*) filter (always_out) as held_out,
        count(*) filter (ever_out and not always_out) as mixed
    from people
),

sides as (
    select
        totals.currency,
        totals.month,
        sizes.*,
        coalesce(totals.treated_sum, 0) / nullif(sizes.treated, 0) as treated_revenue,
        coalesce(totals.held_out_sum, 0) / nullif(sizes.held_out, 0) as held_out_revenue,
        greatest(coalesce(totals.treated_squares, 0) - pow(coalesce(totals.treated_sum, 0), 2) / nullif(sizes.treated, 0), 0)
        / nullif(sizes.treated - 1, 0) / sizes.treated as treated_error,
        greatest(coalesce(totals.held_out_squares, 0) - pow(coalesce(totals.held_out_sum, 0), 2) / nullif(sizes.held_out, 0), 0)
        / nullif(sizes.held_out - 1, 0) / sizes.held_out as held_out_error,
        {{ sample_ratio_p(
            'sizes.held_out',
            '((sizes.treated + sizes.held_out) * ' ~ var('global_holdout') ~ ')',
            '(sizes.treated + sizes.held_out)'
        ) }} as ratio_p
    from totals
    cross join sizes
),

intervals as (
    select
        *,
        treated_revenue - held_out_revenue as lift,
        {{ student_quantile(welch_freedom('treated_error', 'treated', 'held_out_error', 'held_out')) }}
        * sqrt(treated_error + held_out_error) as margin
    from sides
)

select
    cast(month as date) as month,
    currency,
    treated,
    held_out,
    mixed,
    treated_revenue as treated_revenue_per_contact,
    held_out_revenue as held_out_revenue_per_contact,
    lift as revenue_lift,
    lift - margin as revenue_lift_low,
    lift + margin as revenue_lift_high,
    treated_revenue / nullif(held_out_revenue, 0) as revenue_ratio,
    {{ ratio_bound('treated_revenue', 'treated_error', 'held_out_revenue', 'held_out_error', '-') }} as revenue_ratio_low,
    {{ ratio_bound('treated_revenue', 'treated_error', 'held_out_revenue', 'held_out_error', '+') }} as revenue_ratio_high,
    lift * treated as incremental_revenue,
    (lift - margin) * treated as incremental_revenue_low,
    (lift + margin) * treated as incremental_revenue_high,
    {{ smallest_lift(
        pooled_variance('(treated_error * treated)', 'treated', '(held_out_error * held_out)', 'held_out'), 'treated', 'held_out'
    ) }} as smallest_revenue_lift,
    ratio_p as sample_ratio_p,
    coalesce(ratio_p < 0.001, false) as is_unevenly_divided
from intervals
