-- Nobody reaches a step at the moment at which they left, or later.
select
    arrivals.enrollment_id,
    arrivals.workflow,
    arrivals.step,
    arrivals.reached_at,
    exits.exited_at,
    exits.reason
from {{ ref('arrivals') }} as arrivals
inner join {{ ref('exits') }} as exits on arrivals.enrollment_id = exits.enrollment_id
where
    arrivals.step <> 'entered'
    and arrivals.reached_at >= exits.exited_at
