{#- The CTEs to `held_actions`: each action that the gate out held, with what became of the hold and what of the action itself.

    since  how long ago it may have been held; any time, unless given -#}
{% macro held_actions(since=none) -%}
last_tick as (
    select max(tick_end) as as_of
    from {{ source('engine', 'windows') }}
    where scope = 'decisions' and succeeded
),

holds as (
    select
        holds.*,
        last_tick.as_of,
        case
            when holds.standing = 'settled' and holds.choice = 'release' then 'sent'
            when holds.choice = 'drop' and holds.standing <> 'held' then 'dropped'
            when holds.standing = 'settled' then 'expired'
            when holds.standing = 'released' then 'released'
            when holds.choice is not null then 'held again'
            else 'held'
        end as became
    from {{ source('engine', 'holds') }} as holds
    cross join last_tick
    {%- if since %}
    where holds.tick_end > last_tick.as_of - interval '{{ since }}'
    {%- endif %}
),

settled as (
    select
        action_id,
        max(case status when 'accepted' then 1 else 0 end) as is_accepted
    from {{ ref('stg_outcomes') }}
    where
        status in ('accepted', 'rejected', 'failed', 'expired')
        -- nothing is settled before it is held
        and effective_at >= (select min(holds.tick_end) from holds)
    group by action_id
),

held_actions as (
    select
        holds.tick_end,
        holds.workflow,
        holds.became,
        decisions.step,
        decisions.channel,
        decisions.contact_id,
        decisions.action_id,
        case
            when settled.is_accepted = 1 then 'delivered'
            when settled.is_accepted = 0 or holds.became in ('dropped', 'expired') then 'lost'
            when holds.became = 'sent' then 'on its way'
            else 'waiting'
        end as fate
    from holds
    inner join {{ ref('decisions') }} as decisions
        on holds.tick_end = decisions.tick_end and holds.workflow = decisions.workflow and decisions.outcome = 'send'
    left join settled on decisions.action_id = settled.action_id
)
{%- endmacro %}
