{{ config(materialized='view') }}

-- How long people take to reach a workflow's goal, the treated beside those whom it holds out by chance: the same people and
-- goals as in holdout_lift. It counts from when they were drawn; in time is only told of those who have had that time.
with entered as (
    select * from {{ assigned() }} as assigned
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

goals as (
    select * from {{ holdout_goals('everybody') }} as reached
),

reached as (
    select
        workflow,
        contact_id,
        min(reached_at) as first_reached_at
    from goals
    group by workflow, contact_id
),

people as (
    select
        everybody.workflow,
        everybody.assignment,
        reached.contact_id is not null as is_converted,
        epoch(reached.first_reached_at - everybody.assigned_at) / 3600.0 as hours,
        epoch({{ last_tick_end() }} - everybody.assigned_at) / 3600.0 as hours_known
    from everybody
    left join reached on everybody.workflow = reached.workflow and everybody.contact_id = reached.contact_id
    where not everybody.is_mixed
)

select
    workflow,
    assignment,
    count(*) as people,
    count(*) filter (is_converted) as converted,
    cast(count(*) filter (is_converted) as double) / count(*) as conversion_rate,
    cast(quantile_cont(hours, 0.25) as double) as quarter_within_hours,
    cast(quantile_cont(hours, 0.5) as double) as half_within_hours,
    cast(quantile_cont(hours, 0.75) as double) as three_quarters_within_hours,
    count(*) filter (hours_known >= 24) as people_for_a_day,
    count(*) filter (hours_known >= 24 and hours <= 24) as converted_in_a_day,
    count(*) filter (hours_known >= 168) as people_for_a_week,
    count(*) filter (hours_known >= 168 and hours <= 168) as converted_in_a_week,
    {{ last_tick_end() }} as as_of
from people
group by workflow, assignment
