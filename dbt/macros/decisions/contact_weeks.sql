{#- The CTEs to `weeks`: at each midnight in the tick, what each contact got in the seven days before of what is promotional,
    what was held back from them by which gate, and what they did. -#}
{% macro contact_weeks() -%}
midnights as (
    select * from {{ midnights('as_of') }} as times
),

decided as (
    select * from {{ promotional_decisions(since='7 days') }} as decided_on
),

met_with as (
    select
        decided.as_of,
        decided.contact_id,
        count(distinct engagement.action_id) filter (where engagement.kind = 'clicked') as clicked,
        count(distinct engagement.action_id) filter (where engagement.kind = 'unsubscribed') as unsubscribed,
        count(distinct engagement.action_id) filter (where engagement.kind = 'complained') as complained
    from decided
    inner join {{ ref('message_engagement') }} as engagement
        on decided.action_id = engagement.action_id and decided.as_of > engagement.known_at
    where
        decided.outcome = 'send'
        and engagement.known_at >= {{ tick_start() }} - interval '7 days'
        and engagement.known_at < {{ tick_end() }}
    group by decided.as_of, decided.contact_id
),

ordered as (
    select
        midnights.as_of,
        orders.contact_id,
        count(*) as orders
    from {{ ref('orders') }} as orders
    inner join midnights
        on orders.effective_at >= midnights.as_of - interval '7 days' and orders.effective_at < midnights.as_of
    where
        orders.effective_at >= {{ tick_start() }} - interval '7 days'
        and orders.effective_at < {{ tick_end() }}
        and orders.status = 'placed'
    group by midnights.as_of, orders.contact_id
),

counted as (
    select
        as_of,
        contact_id,
        count(*) filter (where outcome = 'send') as messages,
        count(*) filter (where outcome = 'stopped') as held_back,
        {%- for gate in gates() %}
        count(*) filter (where outcome = 'stopped' and gate = '{{ gate }}') as stopped_{{ gate | replace(' ', '_') }},
        {%- endfor %}
        count(*) filter (where outcome = 'deferred') as deferred
    from decided
    group by as_of, contact_id
),

weeks as (
    select
        counted.*,
        coalesce(met_with.clicked, 0) as clicked,
        coalesce(met_with.unsubscribed, 0) as unsubscribed,
        coalesce(met_with.complained, 0) as complained,
        coalesce(ordered.orders, 0) as orders
    from counted
    left join met_with on counted.as_of = met_with.as_of and counted.contact_id = met_with.contact_id
    left join ordered on counted.as_of = ordered.as_of and counted.contact_id = ordered.contact_id
)
{%- endmacro %}
