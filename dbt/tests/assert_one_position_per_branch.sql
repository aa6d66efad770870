-- Nobody stands at two places of one workflow: an enrollment reaches a step once, in the order of the registry, after its entry.
with arrivals as (
    select
        enrollment_id,
        workflow,
        step,
        reached_at,
        {{ step_place('workflow', 'step') }} as place
    from {{ ref('arrivals') }}
),

entered as (
    select
        enrollment_id,
        reached_at
    from arrivals
    where step = 'entered'
)

select
    enrollment_id,
    workflow,
    step,
    'reached more than once' as fault
from arrivals
group by enrollment_id, workflow, step
having count(*) > 1

union all

select
    enrollment_id,
    workflow,
    step,
    'reached before an earlier step' as fault
from arrivals
qualify reached_at < max(reached_at) over (
    partition by enrollment_id
    order by place
    rows between unbounded preceding and 1 preceding
)

union all

select
    arrivals.enrollment_id,
    arrivals.workflow,
    arrivals.step,
    'reached without an entry' as fault
from arrivals
left join entered on arrivals.enrollment_id = entered.enrollment_id
where entered.reached_at is null or arrivals.reached_at < entered.reached_at
