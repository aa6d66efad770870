with left_behind as (
    select
        changes.*,
        profiles.timezone
    from {{ segment_changed('first_time_buyers', change='left') }} as changes
    inner join {{ profile_at(ref('segment_changes'), 'changed_at') }} as profiles
        on changes.contact_id = profiles.contact_id and changes.reached_at = profiles.asked_at
)

select * from {{ entries('left_behind', reentry='once', holdout=0) }}
