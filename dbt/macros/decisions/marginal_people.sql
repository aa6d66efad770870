{#- The CTEs to `people`, to whom the n-th promotional message of a week was to go, at each midnight in the tick, of the first also
    those whom the global holdout kept from it; and to `met_with`, by which of these messages somebody was lost. -#}
{% macro marginal_people() -%}
midnights as (
    select * from {{ midnights('as_of') }} as times
),

-- a day is left for the orders that come of a message
decided as (
    select
        *,
        coalesce(gate = 'global holdout', false) as is_held_out,
        -- of what was held out before that was noted, nothing is known
        case when gate = 'global holdout' then gate_otherwise else coalesce(gate, 'none') end as other_gate
    from {{ promotional_decisions(since='8 days', until='1 day') }} as decided_on
),

-- what was put off comes later on one side and never on the other, so whose first was is on neither
due as (
    select
        *,
        other_gate in ('none', 'frequency cap', 'provider rate') as is_meant,
        row_number() over (partition by as_of, contact_id order by tick_end, action_id) as place
    from decided
    where
        times_deferred = 0
        and (
            other_gate in ('none', 'frequency cap', 'provider rate')
            or (other_gate in ('suppressed', 'quiet hours', 'workflow broken') and if_held = 'defer')
        )
),

sent as (
    select
        *,
        row_number() over (partition by as_of, contact_id order by tick_end, action_id) as message_number
    from decided
    where outcome = 'send'
),

people as (
    select
        as_of,
        cast(1 as bigint) as message_number,
        contact_id,
        action_id,
        tick_end,
        is_held_out,
        outcome = 'send' as is_sent
    from due
    where place = 1 and is_meant
    union all
    select
        as_of,
        message_number,
        contact_id,
        action_id,
        tick_end,
        false as is_held_out,
        true as is_sent
    from sent
    where message_number > 1
),

met_with as (
    select
        people.as_of,
        people.message_number,
        people.action_id,
        bool_or(engagement.kind in ('unsubscribed', 'complained')) as is_lost
    from people
    inner join {{ ref('message_engagement') }} as engagement
        on
            people.action_id = engagement.action_id
            and people.tick_end > engagement.known_at - interval '1 day'
    where engagement.known_at >= {{ tick_start() }} - interval '8 days' and engagement.known_at < {{ tick_end() }}
    group by people.as_of, people.message_number, people.action_id
)
{%- endmacro %}
