{{ config(materialized='table') }}

-- The profiles that changed in this tick, every version of them, and of each the version that it had before: what segments
-- and eligibility have to look at. It is replaced in every tick. Where a segment is defined anew, everybody is looked at.
with changed as (
    select *
    from {{ ref('contact_profile_versions') }}
    where {{ in_tick('valid_from') }} and not is_repeated
),

judged_anew as (
    select versions.contact_id
    from {{ ref('contact_profile_versions') }} as versions
    inner join {{ ref('segment_definitions') }} as definitions on versions.valid_from < definitions.changed_at
    where
        versions.valid_from >= {{ last_repeated_before(tick_start()) }}
        and versions.valid_from < {{ tick_start() }}
        and {{ in_tick('definitions.changed_at') }}
),

looked_at as (
    select contact_id from changed

    union

    select contact_id from judged_anew
)

select * from changed

union all

select * from {{ profile_before('looked_at', tick_start()) }}
