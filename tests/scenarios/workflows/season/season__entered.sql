with asked as (
    select
        contact_id,
        'season' as entry_key,
        effective_at as reached_at,
        occurred_at
    from {{ ref('events') }}
    where
        {{ in_tick('effective_at') }}
        and event = 'Season Asked'
)

select * from {{ entries('asked', reentry='after 5 days', holdout=0) }}
