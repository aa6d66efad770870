with asked as (
    select
        contact_id,
        properties ->> '$.key' as entry_key,
        effective_at as reached_at,
        occurred_at
    from {{ ref('events') }}
    where
        {{ in_tick('effective_at') }}
        and event = 'Raffle Joined'
)

select * from {{ entries('asked', reentry='per key', holdout=0) }}
