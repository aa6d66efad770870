{#- Everyone that the contacts of some sends were known to stand for when those were decided. `sends` has action_id, contact_id and
    tick_end. -#}
{% macro known_as(sends) -%}
    (
        select
            action_id,
            contact_id
        from {{ sends }}

        union

        select
            decided.action_id,
            absorbed.contact_id
        from {{ sends }} as decided
        inner join {{ ref('contact_merges') }} as absorbed
            on
                decided.contact_id = absorbed.into_contact_id
                and decided.tick_end > absorbed.merged_at
    )
{%- endmacro %}
