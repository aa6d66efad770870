{#- The profiles of the contacts of a relation, each as it was at the row's own time `at`, a column; what changed at that very
    moment is in it. Only rows whose time lies in the tick are looked at. The columns are those of contact_profile_versions,
    and `asked_at`, the time that was asked about: one row per contact and time.

        inner join {{ profile_at('arrivals', 'reached_at') }} as profiles
            on arrivals.contact_id = profiles.contact_id and arrivals.reached_at = profiles.asked_at
-#}
{% macro profile_at(relation, at) -%}
    (
        select
            versions.*,
            latest.asked_at
        from {{ ref('contact_profile_versions') }} as versions
        inner join (
            select
                asked.contact_id,
                asked.asked_at,
                max(known.valid_from) as valid_from
            from (
                select distinct
                    contact_id,
                    {{ at }} as asked_at
                from {{ relation }}
                where {{ in_tick(at) }}
            ) as asked
            inner join {{ ref('contact_profile_versions') }} as known
                on asked.contact_id = known.contact_id and asked.asked_at >= known.valid_from
            where
                known.valid_from >= {{ last_repeated_before(tick_start()) }}
                and known.valid_from < {{ tick_end() }}
            group by asked.contact_id, asked.asked_at
        ) as latest
            on versions.contact_id = latest.contact_id and versions.valid_from = latest.valid_from
        where
            versions.valid_from >= {{ last_repeated_before(tick_start()) }}
            and versions.valid_from < {{ tick_end() }}
    )
{%- endmacro %}
