{#- The profiles of the contacts of a relation, as they were just before a moment: one row per contact. The keys are looked up
    first, so that the wide rows need be read for these contacts only. -#}
{% macro profile_before(contacts, moment, versions=ref('contact_profile_versions')) -%}
    (
        select versions.*
        from {{ versions }} as versions
        inner join (
            select
                contact_id,
                max(valid_from) as valid_from
            from {{ versions }}
            where
                valid_from >= {{ last_repeated_before(moment) }}
                and valid_from < {{ moment }}
                and contact_id in (select contact_id from {{ contacts }})
            group by contact_id
        ) as latest
            on versions.contact_id = latest.contact_id and versions.valid_from = latest.valid_from
        where
            versions.valid_from >= {{ last_repeated_before(moment) }}
            and versions.valid_from < {{ moment }}
    )
{%- endmacro %}
