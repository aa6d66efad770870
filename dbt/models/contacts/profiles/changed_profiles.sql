{{ config(materialized='table') }}

-- The profiles that changed in this tick, every version of them, and of each the version that it had before: what segments
-- and eligibility have to look at. It is replaced in every tick.
with changed as (
    select *
    from {{ ref('contact_profile_versions') }}
    where {{ in_tick('valid_from') }} and not is_repeated
)

select * from changed

union all

select * from {{ profile_before('changed', tick_start()) }}
