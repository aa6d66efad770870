{{ config(group='engine') }}

-- Nothing is silent: every candidate is decided in its tick, everything that was held says at which gate and why, and what
-- was put off is a candidate again when its time has come.
with candidates as (
    select
        action_id,
        tick_end
    from {{ ref('candidates') }}
),

decisions as (
    select
        action_id,
        tick_end,
        outcome,
        gate,
        reason,
        held_until
    from {{ ref('decisions') }}
),

last_tick as (
    select max(tick_end) as tick_end
    from {{ source('engine', 'windows') }}
    where
        scope = 'decisions'
        and succeeded
)

select
    candidates.action_id,
    candidates.tick_end,
    'a candidate without a decision' as fault
from candidates
left join decisions on candidates.action_id = decisions.action_id and candidates.tick_end = decisions.tick_end
where decisions.action_id is null

union all

select
    decisions.action_id,
    decisions.tick_end,
    'a decision without a candidate' as fault
from decisions
left join candidates on decisions.action_id = candidates.action_id and decisions.tick_end = candidates.tick_end
where candidates.action_id is null

union all

select
    action_id,
    tick_end,
    'held without a gate or a reason' as fault
from decisions
where
    outcome is null
    or outcome not in ('send', 'deferred', 'stopped')
    or (outcome <> 'send' and (gate is null or reason is null))
    or (outcome = 'deferred' and held_until is null)

union all

select
    decisions.action_id,
    decisions.tick_end,
    'put off and forgotten' as fault
from decisions
cross join last_tick
where
    decisions.outcome = 'deferred'
    and decisions.held_until < last_tick.tick_end
    and not exists (
        select 1
        from decisions as later
        where
            later.action_id = decisions.action_id
            and later.tick_end > decisions.held_until
    )
