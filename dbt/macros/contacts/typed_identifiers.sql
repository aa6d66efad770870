{#- The identifiers that stand in rows with_anchor, one row for each: identifier_type, identifier_value, links (whether it may),
    identifier_id and the columns in `keep`. Match keys count as identifiers here, the weakest. The anchor has been hashed. -#}
{% macro typed_identifiers(rows, keep) -%}
    {%- set types = identifier_types() + ['match_key'] -%}
    (
        select
            {{ (keep + ['identifier_type', 'identifier_value', 'links']) | join(', ') }},
            case
                when identifier_type = row_anchor_type then row_anchor_id
                else {{ identifier_id('identifier_type', 'identifier_value') }}
            end as identifier_id
        from (
            select
                {{ keep | join(', ') }},
                anchor_type as row_anchor_type,
                anchor_id as row_anchor_id,
                types.identifier_type,
                {{ typed_value('types.identifier_type', types) }} as identifier_value,
                case types.identifier_type
                    {%- for type in identifier_types() %}
                    when '{{ type }}' then {{ type }}_links
                    {%- endfor %}
                    else true
                end as links
            from {{ rows }}
            cross join (values ('{{ types | join("'), ('") }}')) as types (identifier_type)
        ) as typed
        where identifier_value is not null
    )
{%- endmacro %}
