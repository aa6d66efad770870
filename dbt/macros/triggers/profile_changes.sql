{#- The profiles that changed in this tick, each with an expression's value then and just before: contact_id, changed_at, value,
    value_before, and is_new for the first that is known of a contact. Nothing comes of contacts that were merged into
    another, or forgotten. -#}
{% macro profile_changes(expression) -%}
    (
        select
            contact_id,
            valid_from as changed_at,
            value,
            value_before,
            version = 1 as is_new
        from (
            select
                contact_id,
                valid_from,
                merged_into_contact_id,
                is_erased,
                {{ expression }} as value,
                lag({{ expression }}) over (partition by contact_id order by valid_from) as value_before,
                row_number() over (partition by contact_id order by valid_from) as version
            from {{ ref('contact_profile_versions') }}
            where
                -- every contact's profile is written down anew at the start of a month: no older one need be read
                valid_from >= {{ last_repeated_before(tick_start()) }}
                and valid_from < {{ tick_end() }}
                and contact_id in (
                    select contact_id
                    from {{ ref('contact_profile_versions') }}
                    where {{ in_tick('valid_from') }}
                )
        ) as versions
        where
            {{ in_tick('valid_from') }}
            and merged_into_contact_id is null
            and not coalesce(is_erased, false)
    )
{%- endmacro %}
