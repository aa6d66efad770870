-- Who registers for an event: a webinar, a workshop, an evening in the shop.
with registered as (
    select *
    from {{ event_happened('Event Registered', key='event_id', carry={
        'event_name': "properties ->> '$.name'",
        'ends_at': "try_cast(properties ->> '$.ends_at' as timestamp)",
    }) }}
),

-- of an event whose end nobody knows there is nothing to follow up
dated as (
    select *
    from registered
    where
        entry_key is not null
        and ends_at is not null
)

select * from {{ entries('dated', reentry='per key', holdout=0.05) }}
