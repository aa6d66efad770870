{#- The guarded identifiers of the seed as lists, in one row: <treatment>_<type>, and for e-mail addresses also
    <treatment>_local_part and <treatment>_domain. One row is joined in no time, whatever it is joined to. -#}
{% macro guard_lists(types) -%}
    (
        select
            {%- for type in types %}
            {%- for treatment in ['ignored', 'never links'] %}
            list(value) filter (
                identifier_type = '{{ type }}' and matches = 'value' and treatment = '{{ treatment }}'
            ) as {{ treatment | replace(' ', '_') }}_{{ type }},
            {%- endfor %}
            {%- endfor %}
            list(value) filter (matches = 'local part') as never_links_local_part,
            list(value) filter (matches = 'domain') as never_links_domain
        from {{ ref('identity_guarded_identifiers') }} as guarded
    )
{%- endmacro %}
