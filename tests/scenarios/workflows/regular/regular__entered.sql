with joined as (
    select
        changes.*,
        profiles.timezone,
        try_cast({{ property('best_hour', of='profiles.properties') }} as integer) as best_hour
    from {{ segment_changed('repeat_buyers') }} as changes
    inner join {{ profile_at(ref('segment_changes'), 'changed_at') }} as profiles
        on changes.contact_id = profiles.contact_id and changes.reached_at = profiles.asked_at
)

select * from {{ entries('joined', reentry='once', holdout=0) }}
