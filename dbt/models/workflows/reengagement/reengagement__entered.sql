-- Customers who have not bought for 90 days.
with lapsed as (
    select
        changes.contact_id,
        'reengagement' as entry_key,
        changes.changed_at as reached_at,
        changes.changed_at as occurred_at,
        profiles.last_order_at,
        profiles.timezone,
        date_diff('day', profiles.last_order_at, changes.changed_at) as days_away
    from {{ ref('segment_changes') }} as changes
    inner join {{ profile_at(ref('segment_changes'), 'changed_at') }} as profiles
        on changes.contact_id = profiles.contact_id and changes.changed_at = profiles.asked_at
    where
        {{ in_tick('changes.changed_at') }}
        and changes.segment = 'lapsed_customers'
        and changes.change = 'entered'
)

select * from {{ entries('lapsed', reentry='after 180 days', holdout=0.1) }}
