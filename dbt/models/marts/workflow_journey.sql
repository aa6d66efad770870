{{ config(materialized='view') }}

-- How people went through each workflow: from which step to which, by which branch, after how long; and where they stayed
-- or left. They are told by the day on which they entered, so that those who arrive are part of those who set out.
with edges as (
    select
        cast(null as varchar) as workflow,
        cast(null as varchar) as from_step,
        cast(null as varchar) as to_step
    where false
    {%- for edge in workflow_edges() %}
    union all
    select '{{ edge.workflow }}', '{{ edge.from_step }}', '{{ edge.to_step }}'
    {%- endfor %}
),

reached as (
    select
        arrivals.enrollment_id,
        arrivals.workflow,
        arrivals.step,
        arrivals.branch,
        arrivals.reached_at,
        entries.reached_at as entered_at,
        entries.assignment
    from {{ ref('arrivals') }} as arrivals
    inner join {{ ref('arrivals') }} as entries on arrivals.enrollment_id = entries.enrollment_id and entries.step = 'entered'
),

-- where ways meet again, the step that they came from last
moved as (
    select
        came_from.enrollment_id,
        came_from.workflow,
        came_from.assignment,
        came_from.entered_at,
        came_from.step as from_step,
        came_from.branch,
        reached.step as to_step,
        came_from.reached_at as set_out_at,
        reached.reached_at as arrived_at
    from reached
    inner join edges on reached.workflow = edges.workflow and reached.step = edges.to_step
    inner join reached as came_from
        on reached.enrollment_id = came_from.enrollment_id and edges.from_step = came_from.step
    qualify row_number() over (
        partition by reached.enrollment_id, reached.step
        order by came_from.reached_at desc, {{ step_place('reached.workflow', 'edges.from_step') }} desc
    ) = 1
),

first_exits as (
    select
        enrollment_id,
        min(exited_at) as exited_at,
        {{ first_by('reason', 'exited_at') }} as reason
    from {{ ref('exits') }}
    group by enrollment_id
),

went_no_further as (
    select
        reached.enrollment_id,
        reached.workflow,
        reached.assignment,
        reached.entered_at,
        reached.step as from_step,
        reached.branch,
        reached.reached_at as set_out_at,
        first_exits.exited_at,
        first_exits.reason
    from reached
    left join moved on reached.enrollment_id = moved.enrollment_id and reached.step = moved.from_step
    left join first_exits on reached.enrollment_id = first_exits.enrollment_id
    where moved.enrollment_id is null
),

ways as (
    select
        workflow,
        assignment,
        entered_at,
        cast(null as varchar) as from_step,
        cast(null as varchar) as branch,
        step as to_step,
        'entered' as outcome,
        cast(null as varchar) as exit_reason,
        cast(null as timestamp) as set_out_at,
        cast(null as timestamp) as ended_at
    from reached
    where step = 'entered'

    union all

    select
        workflow,
        assignment,
        entered_at,
        from_step,
        branch,
        to_step,
        'moved on' as outcome,
        cast(null as varchar) as exit_reason,
        set_out_at,
        arrived_at as ended_at
    from moved

    union all

    select
        workflow,
        assignment,
        entered_at,
        from_step,
        branch,
        cast(null as varchar) as to_step,
        case when exited_at is null then 'still there' else 'left' end as outcome,
        reason as exit_reason,
        set_out_at,
        exited_at as ended_at
    from went_no_further
)

select
    cast(entered_at as date) as day,
    workflow,
    assignment,
    from_step,
    branch,
    to_step,
    outcome,
    exit_reason,
    -- parts of an hour are left out; date_diff would count the minutes in which they began and ended
    date_sub('hour', set_out_at, ended_at) as wait_hours,
    count(*) as enrollments
from ways
group by all
