{{ config(materialized='table') }}

-- Frequency caps, in order: for each contact the candidates take turns, by priority, then due time, then hash; what one of
-- them uses up is gone for the next. Only options that no other gate stops take part.
with recursive caps as (
    select
        coalesce(list(rule order by rule), []) as rules,
        coalesce(list(channel order by rule), []) as channels,
        coalesce(list(topic order by rule), []) as topics,
        coalesce(list(max_sends order by rule), []) as max_sends,
        coalesce(list(period_hours order by rule), []) as period_hours
    from {{ caps_in_force() }}
),

stopped_for_good as (
    select
        action_id,
        min(channel_rank) as channel_rank
    from {{ ref('candidate_channels') }}
    where {{ gate_is_final('gate', 'if_held') }}
    group by action_id
),

turns as (
    select
        options.contact_id,
        options.action_id,
        options.channel_rank,
        options.if_held,
        [
            caps.channels[place] in ('all', options.channel) and caps.topics[place] in ('all', options.topic)
            for place in range(1, len(caps.rules) + 1)
        ] as counts,
        row_number() over (
            partition by options.contact_id
            order by options.priority, options.due_at, options.action_id, options.channel_rank
        ) as turn
    from {{ ref('candidate_channels') }} as options
    cross join caps
    left join stopped_for_good on options.action_id = stopped_for_good.action_id
    where
        options.is_promotional
        and options.gate is null
        and (stopped_for_good.channel_rank is null or options.channel_rank < stopped_for_good.channel_rank)
),

walk as (
    select
        contact_id,
        cast(0 as bigint) as turn,
        cast(null as bigint) as action_id,
        cast(null as bigint) as channel_rank,
        sends,
        cast(null as bigint) as settled_action_id,
        cast(null as varchar) as outcome,
        cast([] as bigint[]) as full_caps
    from {{ ref('cap_usage') }}

    union all

    select
        contact_id,
        turn,
        action_id,
        channel_rank,
        case
            when is_settled or len(full_caps) > 0 then sends
            else [sends[place] + cast(counts[place] as integer) for place in range(1, len(sends) + 1)]
        end as sends,
        case
            when is_settled or (len(full_caps) > 0 and if_held = 'next channel') then settled_action_id
            else action_id
        end as settled_action_id,
        case
            when is_settled then 'not needed'
            when len(full_caps) > 0 then 'capped'
            else 'send'
        end as outcome,
        full_caps
    from (
        select
            turns.*,
            walk.sends,
            walk.settled_action_id,
            coalesce(turns.action_id = walk.settled_action_id, false) as is_settled,
            [
                place
                for place in range(1, len(turns.counts) + 1)
                if turns.counts[place] and walk.sends[place] >= caps.max_sends[place]
            ] as full_caps
        from walk
        inner join turns on walk.contact_id = turns.contact_id and walk.turn + 1 = turns.turn
        cross join caps
    ) as tried
)

select
    walk.action_id,
    walk.channel_rank,
    walk.outcome,
    array_to_string([caps.rules[place] for place in walk.full_caps], ', ') as full_caps,
    -- when the last of the full caps has room again; never, where a cap allows nothing
    case
        when list_min([caps.max_sends[place] for place in walk.full_caps]) > 0
            then list_max([
                to_hours(caps.period_hours[place]) + coalesce(
                    -- what this tick sends stays longest: so many of the earlier ones may still count then
                    usage.sent_at[place][caps.max_sends[place] - (walk.sends[place] - usage.sends[place])],
                    {{ tick_end() }}
                )
                for place in walk.full_caps
            ])
    end as free_at
from walk
cross join caps
inner join {{ ref('cap_usage') }} as usage on walk.contact_id = usage.contact_id
where walk.action_id is not null
