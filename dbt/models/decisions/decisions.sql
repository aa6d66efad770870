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
        options.quiet_begins_at,
        options.next_quiet_until,
        options.gate_otherwise,
        case when walk.outcome = 'capped' then 'frequency cap' else options.gate end as gate,
        case
            when walk.outcome = 'capped' then concat('has had its share: ', walk.full_caps)
            else options.reason
        end as reason,
        case when walk.outcome = 'capped' then walk.free_at else options.held_until end as held_until,
        options.gate is null and (not options.is_promotional or coalesce(walk.outcome = 'send', false)) as may_send
    from {{ ref('candidate_channels') }} as options
    left join {{ ref('cap_walk') }} as walk
        on options.action_id = walk.action_id and options.channel_rank = walk.channel_rank
),

-- channels are tried in order until one may send or one ends it
last_channels as (
    select
        action_id,
        coalesce(
            min(channel_rank) filter (may_send or {{ gate_is_final('gate', 'if_held') }}),
            max(channel_rank)
        ) as channel_rank
    from options
    group by action_id
),

last_tried as (
    select options.*
    from options
    inner join last_channels
        on
            options.action_id = last_channels.action_id
            and options.channel_rank = last_channels.channel_rank
),

-- what the global holdout stopped, had it been let through: by the channel that it would then have been tried on last
let_through as (
    select
        action_id,
        coalesce(
            {{ first_by('gate_otherwise', 'channel_rank') }} filter (
                gate_otherwise = 'none' or {{ gate_is_final('gate_otherwise', 'if_held') }}
            ),
            {{ last_by('gate_otherwise', 'channel_rank') }}
        ) as gate_otherwise
    from options
    where gate = 'global holdout'
    group by action_id
),

-- what a wider tick has lined up for the time after this one
lined_up as (
    select
        channel,
        max(send_after) as last_at,
        max(send_after) filter (kind <> 'send' or topic_kind = 'transactional') as last_transactional_at
    from {{ source('past', 'decisions') }}
    where
        outcome = 'send'
        and send_after > {{ tick_end() }} - interval '1 hour'
        and tick_end <= {{ tick_start() }}
    group by channel
),

line_lengths as (
    select
        channel,
        count(*) filter (not is_promotional) as transactional_sends
    from last_tried
    where may_send
    group by channel
),

-- a line for each channel, one message behind the other as quickly as its provider takes them: transactional ones first, and
-- not behind promotional ones that were lined up before
in_line as (
    select
        sends.*,
        3600000000 / nullif(channels.rate_per_hour, 0) as microseconds_each,
        coalesce(channels.rate_per_hour = 0, false) as is_closed,
        lined_up.last_at,
        lined_up.last_transactional_at,
        row_number() over (
            partition by sends.channel, sends.is_promotional
            order by sends.priority, sends.due_at, sends.action_id
        ) - 1 as place,
        lengths.transactional_sends
    from last_tried as sends
    inner join line_lengths as lengths on sends.channel = lengths.channel
    left join {{ ref('channels') }} as channels on sends.channel = channels.channel
    left join lined_up on sends.channel = lined_up.channel
    where sends.may_send
),

lines as (
    select
        *,
        greatest(
            {{ tick_end() }},
            last_transactional_at + to_microseconds(cast(ceil(microseconds_each) as bigint))
        ) as transactional_from,
        greatest(
            {{ tick_end() }},
            last_at + to_microseconds(cast(ceil(microseconds_each) as bigint))
        ) as free_from
    from in_line
),

spread as (
    select
        *,
        to_microseconds(coalesce(cast(floor(place * microseconds_each) as bigint), 0))
        + case
            when not is_promotional then transactional_from
            else greatest(
                free_from,
                transactional_from + to_microseconds(cast(floor(transactional_sends * microseconds_each) as bigint))
            )
        end as line_at
    from lines
),

rated as (
    select
        action_id,
        channel,
        if_held,
        expires_at,
        line_at,
        case
            when is_closed then concat(channel, ' takes nothing')
            when line_at >= expires_at then concat('expires before ', channel, ' takes it')
            when line_at >= {{ tick_end() }} + ({{ tick_end() }} - {{ tick_start() }})
                then concat('more than ', channel, ' takes in a tick')
            when line_at >= quiet_begins_at then concat('quiet hours begin before ', channel, ' takes it')
        end as reason,
        case
            when is_closed or line_at >= expires_at then null
            -- back in the tick that decides of the time of its turn
            when line_at >= {{ tick_end() }} + ({{ tick_end() }} - {{ tick_start() }})
                then line_at - ({{ tick_end() }} - {{ tick_start() }})
            when line_at >= quiet_begins_at then next_quiet_until
        end as held_until
    from spread
),

gated as (
    select
        action_id,
        channel,
        if_held,
        expires_at,
        case when reason is not null then 'provider rate' end as gate,
        reason,
        held_until,
        line_at
    from rated
    union all
    select
        action_id,
        channel,
        if_held,
        expires_at,
        gate,
        reason,
        held_until,
        null as line_at
    from last_tried
    where not may_send
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
            (gated.if_held = 'defer' or gated.gate in ('workflow broken', 'provider rate'))
            and gated.held_until < least(gated.expires_at, {{ tick_end() }} + interval '{{ var("longest_deferral") }}')
            then 'deferred'
        else 'stopped'
    end as outcome,
    gated.gate,
    gated.reason,
    gated.held_until,
    case when gated.gate is null then gated.line_at end as send_after,
    let_through.gate_otherwise
from {{ ref('candidates') }} as candidates
inner join gated on candidates.action_id = gated.action_id
left join let_through on candidates.action_id = let_through.action_id
where candidates.tick_end = {{ tick_end() }}
