{{ config(materialized='view', access='public') }}

-- A second look at what is to leave in this tick, from what people did and said, and not from what the gate worked out of it.
-- The gate out compares each action of the outbox with it. A view: where no gate looks, it costs nothing.
with leaving as (
    select *
    from {{ ref('outbox') }}
),

messages as (
    select *
    from leaving
    where kind = 'send'
),

capped as (
    select
        action_id,
        contact_id,
        channel,
        topic,
        tick_end,
        send_after
    from messages
    where topic_kind is distinct from 'transactional'
),

not_accepted as (
    select distinct action_id
    from {{ ref('stg_outcomes') }}
    where
        status in ('rejected', 'failed', 'expired')
        and effective_at >= {{ tick_start() }} - interval '{{ var("longest_cap") }}'
),

had as (
    select
        action_id,
        contact_id,
        channel,
        topic,
        send_after
    from {{ ref('decisions') }}
    where
        tick_end > {{ tick_start() }} - interval '{{ var("longest_cap") }}'
        and tick_end < {{ tick_end() }}
        and outcome = 'send'
        and kind = 'send'
        and topic_kind <> 'transactional'
        and action_id not in (select action_id from not_accepted)

    union all

    select
        action_id,
        contact_id,
        channel,
        topic,
        send_after
    from capped
),

over_caps as (
    select
        action_id,
        min(rule) as broken_cap
    from {{ broken_caps('capped', 'had') }} as broken_caps
    group by action_id
),

refusals as (
    select
        known_as.action_id,
        bool_or(signals.signal = 'erased') as is_erased,
        bool_or(signals.signal = 'complaint') as has_complained
    from {{ known_as('leaving') }} as known_as
    inner join {{ ref('contact_signals') }} as signals on known_as.contact_id = signals.contact_id
    where signals.effective_at < {{ tick_end() }}
    group by known_as.action_id
),

exited as (
    select
        enrollment_id,
        min(reason) as exit_reason
    from {{ ref('exits') }}
    where
        exited_at < {{ tick_end() }}
        and exited_at >= {{ tick_start() }} - interval '{{ var("longest_stay") }}'
        and enrollment_id in (select enrollment_id from leaving)
    group by enrollment_id
),

path as (
    select
        enrollment_id,
        step,
        assignment,
        definition_version,
        reached_at,
        {{ step_place('workflow', 'step') }} as place
    from {{ ref('arrivals') }}
    where
        reached_at >= {{ tick_start() }} - interval '{{ var("longest_stay") }}'
        and tick_end <= {{ tick_end() }}
        and enrollment_id in (select enrollment_id from leaving)
),

in_order as (
    select
        *,
        coalesce(
            reached_at < max(reached_at) over (
                partition by enrollment_id
                order by place, reached_at
                rows between unbounded preceding and 1 preceding
            ),
            false
        ) as is_out_of_order
    from path
),

places as (
    select
        enrollment_id,
        count(*) - count(distinct step) as repeated_steps,
        count(*) filter (step = 'entered') as entries,
        bool_or(is_out_of_order) as is_out_of_order
    from in_order
    group by enrollment_id
),

decided_before as (
    select
        action_id,
        bool_or(outcome = 'send') as is_sent,
        bool_or(outcome = 'deferred') as is_deferred
    from {{ ref('decisions') }}
    where
        tick_end < {{ tick_end() }}
        and tick_end > {{ tick_start() }} - interval '{{ var("longest_stay") }}'
        and action_id in (select action_id from leaving)
    group by action_id
),

workflow_windows as (
    select
        scope as workflow,
        min(tick_start) as window_start
    from {{ source('engine', 'windows') }}
    where succeeded and tick_end = {{ tick_end() }}
    group by scope
)

select
    leaving.action_id,
    channels.address_type,
    topics.kind as registered_topic_kind,
    topics.requires_consent,
    stated_last.status as stated_last,
    over_caps.broken_cap,
    coalesce(refusals.is_erased, false) as is_erased,
    coalesce(refusals.has_complained, false) as has_complained,
    exited.exit_reason,
    path.assignment,
    path.definition_version,
    coalesce(places.repeated_steps, 0) as repeated_steps,
    coalesce(places.entries, 0) as entries,
    coalesce(places.is_out_of_order, false) as is_out_of_order,
    coalesce(decided_before.is_sent, false) as is_sent_before,
    -- what was put off arrived in an earlier tick; all else in the window that its workflow ran over
    path.reached_at >= {{ tick_end() }}
    or (path.reached_at < workflow_windows.window_start and not coalesce(decided_before.is_deferred, false)) as is_out_of_window
from leaving
left join {{ ref('channels') }} as channels on leaving.channel = channels.channel
left join {{ ref('topics') }} as topics on leaving.topic = topics.topic
left join {{ stated_last('messages') }} as stated_last on leaving.action_id = stated_last.action_id
left join over_caps on leaving.action_id = over_caps.action_id
left join refusals on leaving.action_id = refusals.action_id
left join exited on leaving.enrollment_id = exited.enrollment_id
left join places on leaving.enrollment_id = places.enrollment_id
left join path on leaving.enrollment_id = path.enrollment_id and leaving.step = path.step
left join decided_before on leaving.action_id = decided_before.action_id
left join workflow_windows on leaving.workflow = workflow_windows.workflow
