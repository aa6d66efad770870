{#- What segments of how long something has been so look at, in the place of changed_profiles: its columns, and one that says
    since when (UTC) a condition on the profile has held without a break; empty where it does not hold. To say it again is
    no new beginning. The profiles of the contacts at hand are read as far back as they go.

    condition  SQL over the columns of a profile
    since      what to call the column
    profiles   in the place of changed_profiles: a CTE that has its columns, of profiles_with_events say

        with trying as (select * from {{ profiles_holding(property('plan') ~ " = 'trial'", since='on_trial_since') }})
        select contact_id, valid_from, {{ member(when='true', since="on_trial_since + interval '7 days'") }} from trying
-#}
{% macro profiles_holding(condition, since, profiles=ref('changed_profiles')) -%}
    (
        with judged as (
            select
                contact_id,
                valid_from,
                coalesce({{ condition }}, false) as holds
            from {{ ref('contact_profile_versions') }}
            where
                valid_from < {{ tick_end() }}
                and contact_id in (select contact_id from {{ profiles }})
        ),

        turned as (
            select *
            from judged
            qualify holds is distinct from lag(holds) over (partition by contact_id order by valid_from)
        ),

        stretches as (
            select
                contact_id,
                holds,
                valid_from as since,
                lead(valid_from, 1, timestamp '9999-12-31') over (partition by contact_id order by valid_from) as until
            from turned
        )

        select
            profiles.*,
            case when stretches.holds then stretches.since end as {{ since }}
        from {{ profiles }} as profiles
        left join stretches
            on
                profiles.contact_id = stretches.contact_id
                and profiles.valid_from >= stretches.since
                and profiles.valid_from < stretches.until
    )
{%- endmacro %}
