{#- For the contacts of a relation: every contact that each of them stands for, and since when. A contact stands for itself, and
    for those that were merged into it from the merge on. -#}
{% macro people_of(relation) -%}
    select distinct
            contact_id,
            contact_id as member_id,
            timestamp '0001-01-01' as since
        from {{ relation }}
        union all
        select distinct
            asked.contact_id,
            absorbed.contact_id as member_id,
            absorbed.merged_at as since
        from {{ relation }} as asked
        inner join {{ ref('contact_merges') }} as absorbed on asked.contact_id = absorbed.into_contact_id
{%- endmacro %}
