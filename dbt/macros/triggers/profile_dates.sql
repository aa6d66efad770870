{#- A date of the contacts' profiles, and while it is known: what date_comes_up asks for. `date` is a column of contact_profiles,
    or SQL over them. One row per contact and version of its profile. -#}
{% macro profile_dates(date) -%}
    (
        select
            contact_id,
            timezone,
            on_date,
            valid_from as known_from,
            known_until
        from (
            select
                contact_id,
                timezone,
                cast({{ date }} as date) as on_date,
                is_erased,
                merged_into_contact_id,
                valid_from,
                lead(valid_from, 1, timestamp '9999-12-31') over (partition by contact_id order by valid_from) as known_until
            from {{ ref('contact_profile_versions') }}
            where
                valid_from >= {{ last_repeated_before(tick_start()) }}
                and valid_from < {{ tick_end() }}
        ) as versions
        where
            on_date is not null
            and merged_into_contact_id is null
            and not coalesce(is_erased, false)
    )
{%- endmacro %}
