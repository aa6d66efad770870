{#- For the contacts of a relation: every contact that each of them is known as, and since when. Somebody who was merged into
    another contact is found under that one's id from the merge on. -#}
{% macro contacts_over_time(relation) -%}
    select distinct
                contact_id as member_id,
                contact_id,
                timestamp '0001-01-01' as since
            from {{ relation }}
            union all
            select distinct
                absorbed.contact_id as member_id,
                absorbed.into_contact_id as contact_id,
                absorbed.merged_at as since
            from {{ ref('contact_merges') }} as absorbed
            where
                absorbed.merged_at < {{ tick_end() }}
                and absorbed.contact_id in (select contact_id from {{ relation }})
{%- endmacro %}
