{{ config(materialized='view') }}

-- What each workflow adds: the people that it treats beside those that it holds out by chance. People are compared, not
-- enrollments, since it is people that were drawn; and by what they were drawn for, whether or not a message reached them.
with surviving_contacts as (
    select
        contact_id,
        {{ last_by('into_contact_id', 'merged_at') }} as into_contact_id
    from {{ ref('contact_merges') }}
    group by contact_id
),

entered as (
    select
        arrivals.workflow,
        coalesce(surviving.into_contact_id, arrivals.contact_id) as contact_id,
        arrivals.enrollment_id,
        arrivals.assignment,
        {{ salted_share(["'global holdout'", 'arrivals.contact_id']) }} < {{ var('global_holdout') }} as is_held_out_of_all
    from {{ ref('arrivals') }} as arrivals
    left join surviving_contacts as surviving on arrivals.contact_id = surviving.contact_id
    where arrivals.step = 'entered'
),

-- who turned out to be two people with two assignments says nothing; nor does who gets nothing from any workflow
people as (
    select
        workflow,
        contact_id,
        min(assignment) as assignment
    from entered
    group by workflow, contact_id
    having min(assignment) = max(assignment) and not bool_or(is_held_out_of_all)
),

-- one order may end several enrollments
goals as (
    select
        entered.workflow,
        entered.contact_id,
        coalesce(exits.conversion_id, cast(exits.enrollment_id as varchar)) as conversion_id,
        max(coalesce(exits.revenue, 0)) as revenue
    from {{ ref('exits') }} as exits
    inner join entered on exits.enrollment_id = entered.enrollment_id and exits.workflow = entered.workflow
    where exits.reason = 'converted'
    group by
        entered.workflow,
        entered.contact_id,
        coalesce(exits.conversion_id, cast(exits.enrollment_id as varchar))
),

what_they_did as (
    select
        people.workflow,
        people.contact_id,
        people.assignment,
        case when count(goals.conversion_id) > 0 then 1 else 0 end as converted,
        cast(coalesce(sum(goals.revenue), 0) as double) as revenue
    from people
    left join goals on people.workflow = goals.workflow and people.contact_id = goals.contact_id
    group by people.workflow, people.contact_id, people.assignment
),

sides as (
    select
        workflow,
        count(*) filter (assignment = 'treated') as treated,
        count(*) filter (assignment = 'holdout') as held_out,
        coalesce(sum(converted) filter (assignment = 'treated'), 0) as treated_converted,
        coalesce(sum(converted) filter (assignment = 'holdout'), 0) as held_out_converted,
        avg(revenue) filter (assignment = 'treated') as treated_revenue,
        avg(revenue) filter (assignment = 'holdout') as held_out_revenue,
        var_samp(revenue) filter (assignment = 'treated')
        / nullif(count(*) filter (assignment = 'treated'), 0) as treated_error,
        var_samp(revenue) filter (assignment = 'holdout')
        / nullif(count(*) filter (assignment = 'holdout'), 0) as held_out_error
    from what_they_did
    group by workflow
),

shares as (
    select
        *,
        treated_converted / cast(nullif(treated, 0) as double) as treated_rate,
        held_out_converted / cast(nullif(held_out, 0) as double) as held_out_rate,
        {{ wilson_bound('treated_converted', 'nullif(treated, 0)', '-') }} as treated_low,
        {{ wilson_bound('treated_converted', 'nullif(treated, 0)', '+') }} as treated_high,
        {{ wilson_bound('held_out_converted', 'nullif(held_out, 0)', '-') }} as held_out_low,
        {{ wilson_bound('held_out_converted', 'nullif(held_out, 0)', '+') }} as held_out_high,
        pow(treated_error + held_out_error, 2) / nullif(
            pow(treated_error, 2) / nullif(treated - 1, 0) + pow(held_out_error, 2) / nullif(held_out - 1, 0), 0
        ) as freedom
    from sides
),

intervals as (
    select
        *,
        treated_rate - held_out_rate as lift,
        sqrt(pow(treated_rate - treated_low, 2) + pow(held_out_high - held_out_rate, 2)) as lift_below,
        sqrt(pow(treated_high - treated_rate, 2) + pow(held_out_rate - held_out_low, 2)) as lift_above,
        treated_revenue - held_out_revenue as revenue_lift,
        {{ student_quantile('freedom') }} * sqrt(treated_error + held_out_error) as revenue_margin
    from shares
)

select
    workflow,
    treated,
    held_out,
    cast(treated_converted as bigint) as treated_converted,
    cast(held_out_converted as bigint) as held_out_converted,
    treated_rate as treated_conversion_rate,
    held_out_rate as held_out_conversion_rate,
    lift as conversion_lift,
    lift - lift_below as conversion_lift_low,
    lift + lift_above as conversion_lift_high,
    lift / nullif(held_out_rate, 0) as relative_conversion_lift,
    lift * treated as added_conversions,
    treated_revenue as treated_revenue_per_person,
    held_out_revenue as held_out_revenue_per_person,
    revenue_lift,
    revenue_lift - revenue_margin as revenue_lift_low,
    revenue_lift + revenue_margin as revenue_lift_high,
    revenue_lift * treated as added_revenue,
    coalesce(lift - lift_below > 0 or lift + lift_above < 0, false) as is_conclusive
from intervals
