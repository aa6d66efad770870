{#- The rows of a CTE, each with the contact that its own has been merged into by then, if any. `as_of` is a timestamp
    expression, also over the CTE's columns. -#}
{% macro with_surviving_contacts(relation, as_of) -%}
    (
        select
            {{ relation }}.* replace (coalesce(absorbed.into_contact_id, {{ relation }}.contact_id) as contact_id)
        from {{ relation }}
        left join (
            select
                contact_id,
                into_contact_id,
                merged_at as since,
                lead(merged_at, 1, timestamp '9999-12-31') over (partition by contact_id order by merged_at) as until
            from {{ ref('contact_merges') }}
            where contact_id in (select contact_id from {{ relation }})
        ) as absorbed
            on
                {{ relation }}.contact_id = absorbed.contact_id
                and {{ as_of }} >= absorbed.since
                and {{ as_of }} < absorbed.until
    )
{%- endmacro %}
