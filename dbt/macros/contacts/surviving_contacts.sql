{#- Who each contact that was merged away is by now, or was just before a moment: contact_id and into_contact_id, a row each. -#}
{% macro surviving_contacts(before=none) -%}
    (
        select
            contact_id,
            {{ last_by('into_contact_id', 'merged_at') }} as into_contact_id
        from {{ ref('contact_merges') }}
        {%- if before %}
        where merged_at < {{ before }}
        {%- endif %}
        group by contact_id
    )
{%- endmacro %}
