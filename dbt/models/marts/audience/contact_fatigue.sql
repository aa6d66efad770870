{{ config(event_time='as_of') }}

-- How much contacts get in a week, and what more of it brings: at each midnight, contacts by the messages that they got in the
-- seven days before. Beside it stands what was held back from them, by the gate that did.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

decided as (
    select
        midnights.as_of,
        decisions.contact_id,
        decisions.action_id,
        decisions.outcome,
        decisions.gate
    from {{ ref('decisions') }} as decisions
    inner join midnights
        on decisions.tick_end > midnights.as_of - interval '7 days' and decisions.tick_end <= midnights.as_of
    where
        decisions.tick_end > {{ tick_start() }} - interval '7 days'
        and decisions.tick_end <= {{ tick_end() }}
        and decisions.kind = 'send'
        and decisions.topic_kind <> 'transactional'
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

contacts as (
    select
        as_of,
        contact_id,
        count(*) filter (where outcome = 'send') as messages,
        {%- for gate in gates() %}
        count(*) filter (where outcome = 'stopped' and gate = '{{ gate }}') as stopped_{{ gate | replace(' ', '_') }},
        {%- endfor %}
        count(*) filter (where outcome = 'deferred') as deferred
    from decided
    group by as_of, contact_id
)

select
    contacts.as_of,
    contacts.messages as messages_in_week,
    count(*) as contacts,
    {%- for gate in gates() %}
    cast(sum(contacts.stopped_{{ gate | replace(' ', '_') }}) as bigint) as stopped_{{ gate | replace(' ', '_') }},
    {%- endfor %}
    cast(sum(contacts.deferred) as bigint) as deferred,
    cast(sum(coalesce(met_with.clicked, 0)) as bigint) as clicked,
    cast(sum(coalesce(met_with.unsubscribed, 0)) as bigint) as unsubscribed,
    cast(sum(coalesce(met_with.complained, 0)) as bigint) as complained,
    cast(sum(coalesce(ordered.orders, 0)) as bigint) as orders
from contacts
left join met_with on contacts.as_of = met_with.as_of and contacts.contact_id = met_with.contact_id
left join ordered on contacts.as_of = ordered.as_of and contacts.contact_id = ordered.contact_id
group by contacts.as_of, contacts.messages
