{{ config(materialized='view') }}

-- From whom something was held back for good, by which gate and why: the rows behind what workflow_performance has as stopped.
select
    cast(decisions.tick_end - interval '1 microsecond' as date) as day,
    decisions.tick_end,
    decisions.workflow,
    decisions.step,
    decisions.channels[1] as channel,
    decisions.gate,
    decisions.reason,
    decisions.contact_id,
    decisions.action_id
from {{ ref('decisions') }} as decisions
where
    decisions.outcome = 'stopped'
    -- all of it is published each tick
    and decisions.tick_end
    > (select max(ticks.tick_end) from {{ ref('ticks') }} as ticks) - interval '{{ var("listed_history") }}'
