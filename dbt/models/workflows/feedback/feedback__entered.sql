-- A ticket is closed, or an order has left the house: when it has had its effect, we ask.
with closed_tickets as (
    select * from {{ event_happened('Ticket Closed', key='ticket_id') }}
),

experiences as (
    select
        contact_id,
        'ticket ' || entry_key as entry_key,
        reached_at,
        occurred_at,
        'ticket' as about,
        reached_at + interval '1 day' as ask_at
    from closed_tickets
    where entry_key is not null
    union all
    select
        contact_id,
        'order ' || order_id as entry_key,
        effective_at as reached_at,
        occurred_at,
        'order' as about,
        effective_at + interval '7 days' as ask_at
    from {{ ref('orders') }}
    where
        {{ in_tick('effective_at') }}
        and status = 'fulfilled'
)

select * from {{ entries('experiences', reentry='after 90 days', holdout=0.05) }}
