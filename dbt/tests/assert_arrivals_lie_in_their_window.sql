-- A tick moves on those who are due within it, and nobody else.
select
    arrivals.enrollment_id,
    arrivals.workflow,
    arrivals.step,
    arrivals.reached_at,
    arrivals.tick_end
from {{ ref('arrivals') }} as arrivals
left join {{ source('engine', 'windows') }} as windows
    on
        arrivals.workflow = windows.scope
        and arrivals.tick_end = windows.tick_end
        and windows.succeeded
where
    windows.scope is null
    or arrivals.reached_at < windows.tick_start
    or arrivals.reached_at >= windows.tick_end
