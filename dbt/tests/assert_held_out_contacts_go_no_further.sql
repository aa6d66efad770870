-- Who is held out of a workflow reaches none of its steps and gets nothing from it.
with held_out as (
    select enrollment_id
    from {{ ref('arrivals') }}
    where
        step = 'entered'
        and assignment = 'holdout'
)

select
    arrivals.enrollment_id,
    arrivals.step
from {{ ref('arrivals') }} as arrivals
inner join held_out on arrivals.enrollment_id = held_out.enrollment_id
where arrivals.step <> 'entered'

union all

select
    decisions.enrollment_id,
    decisions.step
from {{ ref('decisions') }} as decisions
inner join held_out on decisions.enrollment_id = held_out.enrollment_id
