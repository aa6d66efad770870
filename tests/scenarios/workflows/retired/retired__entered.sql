with asked as (
    select
        contact_id,
        'retired' as entry_key,
        effective_at as reached_at,
        occurred_at
    from {{ ref('events') }}
    where
        {{ in_tick('effective_at') }}
        and event = 'Retire Asked'
)

select * from {{ entries('asked', reentry='once', holdout=0) }}
