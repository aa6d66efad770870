{#- The rows of a CTE, each with the contact that its own has been merged into by then, if any. `as_of` is a timestamp
    expression over the CTE's columns. -#}
{% macro with_surviving_contacts(relation, as_of) -%}
    (
        select
            {{ relation }}.* replace (coalesce(merges.into_contact_id, {{ relation }}.contact_id) as contact_id)
        from {{ relation }}
        asof left join (
            select
                contact_id,
                into_contact_id,
                merged_at
            from {{ ref('contact_merges') }}
            where contact_id in (select contact_id from {{ relation }})
        ) as merges
            on {{ relation }}.contact_id = merges.contact_id and {{ as_of }} >= merges.merged_at
    )
{%- endmacro %}
