{{ config(materialized='table') }}

-- Frequency caps, in order: for each contact the candidates take turns, by priority, then due time, then hash; what one of
-- them uses up is gone for the next. Only options that no other gate stops take part.
with recursive stopped_for_good as (
    select
        action_id,
        min(channel_rank) as channel_rank
    from {{ ref('candidate_channels') }}
    where {{ gate_is_final('gate', 'if_held') }}
    group by action_id
),

options as (
    select
        channels.contact_id,
        channels.action_id,
        channels.channel_rank,
        channels.channel,
        channels.topic,
        channels.if_held,
        channels.priority,
        channels.due_at
    from {{ ref('candidate_channels') }} as channels
    left join stopped_for_good on channels.action_id = stopped_for_good.action_id
    where
        channels.is_promotional
        and channels.gate is null
        and (stopped_for_good.channel_rank is null or channels.channel_rank < stopped_for_good.channel_rank)
),

queues as (
    select
        contact_id,
        count(*) as turns
    from options
    group by contact_id
),

caps as (
    select * from {{ caps_in_force() }} as in_force
),

narrowest as (
    select min(max_sends) as max_sends
    from caps
),

left_over as (
    select
        contact_id,
        min(max_sends - sends) as messages
    from {{ ref('cap_usage') }}
    group by contact_id
),

-- where every cap has room for as many messages as there are options, none of them fills up, and nobody has to take turns
with_room as (
    select queues.contact_id
    from queues
    cross join narrowest
    left join left_over on queues.contact_id = left_over.contact_id
    where
        coalesce(queues.turns <= narrowest.max_sends, true)
        and coalesce(queues.turns <= left_over.messages, true)
),

first_options as (
    select
        action_id,
        min(channel_rank) as channel_rank
    from options
    where contact_id in (select contact_id from with_room)
    group by action_id
),

-- materialized, because each step of the walk asks it again
turns as materialized (
    select
        contact_id,
        action_id,
        channel_rank,
        channel,
        topic,
        if_held,
        row_number() over (
            partition by contact_id
            order by priority, due_at, action_id, channel_rank
        ) as turn
    from options
    where contact_id not in (select contact_id from with_room)
),

in_line as (
    select distinct contact_id
    from turns
),

-- one row for each turn and cap: how many messages the cap counts after it
walk as (
    select
        in_line.contact_id,
        caps.rule,
        caps.channel as counted_channel,
        caps.topic as counted_topic,
        caps.max_sends,
        coalesce(usage.sends, 0) as sends,
        cast(0 as bigint) as turn,
        cast(null as bigint) as action_id,
        cast(null as bigint) as channel_rank,
        cast(null as bigint) as settled_action_id,
        false as is_full,
        cast(null as varchar) as outcome
    from in_line
    cross join caps
    left join {{ ref('cap_usage') }} as usage on in_line.contact_id = usage.contact_id and caps.rule = usage.rule

    union all

    select
        contact_id,
        rule,
        counted_channel,
        counted_topic,
        max_sends,
        case when counts and outcome = 'send' then sends + 1 else sends end as sends,
        turn,
        action_id,
        channel_rank,
        case
            when outcome = 'send' or (outcome = 'capped' and if_held <> 'next channel') then action_id
            else settled_action_id
        end as settled_action_id,
        is_full,
        outcome
    from (
        with tried as (
            select
                walk.contact_id,
                walk.rule,
                walk.counted_channel,
                walk.counted_topic,
                walk.max_sends,
                walk.sends,
                walk.settled_action_id,
                turns.turn,
                turns.action_id,
                turns.channel_rank,
                turns.if_held,
                walk.counted_channel in ('all', turns.channel) and walk.counted_topic in ('all', turns.topic) as counts,
                coalesce(counts and walk.sends >= walk.max_sends, false) as is_full
            from walk
            inner join turns on walk.contact_id = turns.contact_id and walk.turn + 1 = turns.turn
        ),

        capped as (
            select contact_id
            from tried
            where is_full
        )

        select
            *,
            case
                when action_id = settled_action_id then 'not needed'
                when contact_id in (select contact_id from capped) then 'capped'
                else 'send'
            end as outcome
        from tried
    ) as settled
)

select
    options.action_id,
    options.channel_rank,
    case when options.channel_rank = first_options.channel_rank then 'send' else 'not needed' end as outcome,
    '' as full_caps,
    cast(null as timestamp) as free_at
from options
inner join first_options on options.action_id = first_options.action_id

union all

select
    walk.action_id,
    walk.channel_rank,
    any_value(walk.outcome) as outcome,
    coalesce(string_agg(walk.rule, ', ' order by walk.rule) filter (walk.is_full), '') as full_caps,
    -- when the last of the full caps has room again; never, where a cap allows nothing
    case
        when min(walk.max_sends) filter (walk.is_full) > 0
            then max(
                to_hours(caps.period_hours) + greatest(
                    -- the latest but so many: this tick's, at its end, lie between what is lined up for later and what went
                    -- before; both functions pass over what is not there
                    usage.sent_at[walk.max_sends],
                    least({{ tick_end() }}, usage.sent_at[walk.max_sends - (walk.sends - coalesce(usage.sends, 0))])
                )
            ) filter (walk.is_full)
    end as free_at
from walk
inner join caps on walk.rule = caps.rule
left join {{ ref('cap_usage') }} as usage on walk.contact_id = usage.contact_id and walk.rule = usage.rule
where walk.action_id is not null
group by walk.action_id, walk.channel_rank
