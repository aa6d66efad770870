{{ config(materialized='view') }}

-- How long people take to reach a workflow's goal, beside those whom it holds out by chance: they were as likely to, but for the
-- messages. Of both it counts from the entry, and everybody once, with the first entry.
with entered as (
    select
        workflow,
        contact_id,
        enrollment_id,
        assignment,
        reached_at as entered_at
    from {{ ref('arrivals') }}
    where step = 'entered'
    qualify row_number() over (partition by workflow, contact_id order by reached_at, enrollment_id) = 1
),

converted as (
    select
        entered.workflow,
        entered.contact_id,
        entered.assignment,
        epoch(min(exits.exited_at) - min(entered.entered_at)) / 3600.0 as hours
    from entered
    inner join {{ ref('exits') }} as exits
        on entered.enrollment_id = exits.enrollment_id and entered.workflow = exits.workflow and exits.reason = 'converted'
    group by entered.workflow, entered.contact_id, entered.assignment
)

select
    entered.workflow,
    entered.assignment,
    count(*) as people,
    count(converted.contact_id) as converted,
    cast(count(converted.contact_id) as double) / count(*) as conversion_rate,
    cast(quantile_cont(converted.hours, 0.25) as double) as quarter_within_hours,
    cast(quantile_cont(converted.hours, 0.5) as double) as half_within_hours,
    cast(quantile_cont(converted.hours, 0.75) as double) as three_quarters_within_hours,
    count(*) filter (where converted.hours <= 24) as converted_in_a_day,
    count(*) filter (where converted.hours <= 168) as converted_in_a_week,
    {{ last_tick_end() }} as as_of
from entered
left join converted on entered.workflow = converted.workflow and entered.contact_id = converted.contact_id
group by entered.workflow, entered.assignment
