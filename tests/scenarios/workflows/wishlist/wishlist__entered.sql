with asked as (
    select
        contact_id,
        'wishlist' as entry_key,
        effective_at as reached_at,
        occurred_at
    from {{ ref('events') }}
    where
        {{ in_tick('effective_at') }}
        and event = 'Wish Added'
)

select * from {{ entries('asked', reentry='always', holdout=0) }}
