-- Their score reaches 50: what the CRM says it is, else ten points for each day on which we saw them. Nobody who has bought.
with leads as (
    select *
    from {{ became_true(
        "email is not null and orders_count = 0 "
        ~ "and coalesce(try_cast(properties ->> '$.lead_score' as integer), 10 * active_days) >= 50",
        'lead score of 50'
    ) }}
),

leads_by_place as (
    select
        leads.*,
        profiles.timezone
    from leads
    inner join {{ profile_at('leads', 'reached_at') }} as profiles
        on leads.contact_id = profiles.contact_id and leads.reached_at = profiles.asked_at
)

select * from {{ entries('leads_by_place', reentry='once', holdout=0.1) }}
