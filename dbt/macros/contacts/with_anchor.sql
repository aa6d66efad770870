{#- Rows with the identifier that they count for, their anchor: the strongest that may link, else the strongest that there is.
    Adds for each type the value that is compared (<type>_value, null where it does not count) and whether it may link
    (<type>_links), then anchor_type, anchor_id and anchor_links. `rows` is a relation or a subquery, `types` those of the
    identifier types that it has. -#}
{% macro with_anchor(rows, types) -%}
    (
        with guards as (
            select * from {{ guard_lists(types) }} as lists
        ),

        compared as (
            select
                named.*,
                {%- for type in types %}
                {{ counting_value(type, 'guards') }} as {{ type }}_value{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ rows }} as named
            cross join guards
        ),

        judged as (
            select
                compared.*,
                {%- for type in types %}
                {{ type }}_value is not null and not {{ never_links(type, 'guards') }} as {{ type }}_links{{ ',' if not loop.last }}
                {%- endfor %}
            from compared
            cross join guards
        ),

        anchored as (
            select
                judged.*,
                {{ types | join('_links or ') }}_links as anchor_links,
                case
                    {%- for type in types %}
                    when {{ type }}_links then '{{ type }}'
                    {%- endfor %}
                    {%- for type in types %}
                    when {{ type }}_value is not null then '{{ type }}'
                    {%- endfor %}
                end as anchor_type
            from judged
        )

        select
            anchored.*,
            {{ identifier_id('anchor_type', typed_value('anchor_type', types)) }} as anchor_id
        from anchored
    )
{%- endmacro %}
