with asked as (
    select
        events.contact_id,
        events.properties ->> '$.key' as entry_key,
        events.effective_at as reached_at,
        events.occurred_at,
        profiles.timezone
    from {{ ref('events') }} as events
    inner join {{ profile_at(ref('events'), 'effective_at') }} as profiles
        on events.contact_id = profiles.contact_id and events.effective_at = profiles.asked_at
    where
        {{ in_tick('events.effective_at') }}
        and events.event = 'Night Asked'
)

select * from {{ entries('asked', reentry='per key', holdout=0) }}
