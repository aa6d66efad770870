-- What becomes of every candidate: sent, put off, or stopped, by which gate and why.
with options as (
    select
        options.action_id,
        options.channel,
        options.channel_rank,
        options.is_promotional,
        options.if_held,
        options.priority,
        options.due_at,
        options.expires_at,
        case
            when walk.outcome = 'capped' then 'frequency cap'
            else options.gate
        end as gate,
        case
            when walk.outcome = 'capped' then concat('has had its share: ', walk.full_caps)
            else options.reason
        end as reason,
        case
            when walk.outcome = 'capped' then walk.free_at
            else options.held_until
        end as held_until,
        coalesce(walk.outcome = 'send', options.gate is null and not options.is_promotional) as may_send,
        coalesce(walk.outcome = 'not needed', false) as is_not_needed
    from {{ ref('candidate_channels') }} as options
    left join {{ ref('cap_walk') }} as walk
        on options.action_id = walk.action_id and options.channel = walk.channel
),

-- channels are tried in order until one may send or one ends it
tried as (
    select
        *,
        coalesce(
            bool_or(may_send or coalesce({{ gate_is_final('gate', 'if_held') }}, false)) over (
                partition by action_id
                order by channel_rank
                rows between unbounded preceding and 1 preceding
            ),
            false
        ) as is_settled
    from options
),

last_tried as (
    select *
    from tried
    where not is_settled and not is_not_needed
    qualify row_number() over (partition by action_id order by channel_rank desc) = 1
),

in_line as (
    select
        last_tried.*,
        channels.rate_per_hour,
        row_number() over (
            partition by last_tried.channel, last_tried.may_send
            order by last_tried.is_promotional, last_tried.priority, last_tried.due_at, last_tried.action_id
        ) - 1 as ahead_in_line,
        channels.rate_per_hour * date_diff('second', {{ tick_start() }}, {{ tick_end() }}) / 3600.0 as fit_in_tick
    from last_tried
    left join {{ ref('channels') }} as channels on last_tried.channel = channels.channel
),

-- spread by what the provider takes, instead of all in the first minute
spread as (
    select
        *,
        {{ tick_end() }} + to_microseconds(cast(ahead_in_line * 3600000000.0 / coalesce(rate_per_hour, 3600000000) as bigint)) as line_at
    from in_line
),

gated as (
    select
        action_id,
        channel,
        if_held,
        expires_at,
        case
            when may_send and ahead_in_line >= fit_in_tick then 'provider rate'
            when not may_send then gate
        end as gate,
        case
            when may_send and ahead_in_line >= fit_in_tick then concat('more than ', channel, ' takes in this tick')
            when not may_send then reason
        end as reason,
        case
            when may_send and ahead_in_line >= fit_in_tick then line_at
            when not may_send then held_until
        end as held_until,
        line_at
    from spread
)

select
    candidates.action_id,
    candidates.tick_end,
    candidates.workflow,
    candidates.step,
    candidates.enrollment_id,
    candidates.contact_id,
    candidates.kind,
    candidates.template,
    candidates.variant,
    candidates.topic,
    candidates.topic_kind,
    candidates.channels,
    candidates.if_held,
    candidates.context,
    candidates.priority,
    candidates.reached_at,
    candidates.due_at,
    candidates.expires_at,
    candidates.times_deferred,
    case when gated.gate is null then gated.channel end as channel,
    case
        when gated.gate is null then 'send'
        when
            gated.held_until < gated.expires_at
            and (gated.gate = 'provider rate' or gated.if_held = 'defer')
            then 'deferred'
        else 'stopped'
    end as outcome,
    gated.gate,
    gated.reason,
    gated.held_until,
    case when gated.gate is null then gated.line_at end as send_after
from {{ ref('candidates') }} as candidates
inner join gated on candidates.action_id = gated.action_id
where candidates.tick_end = {{ tick_end() }}
