{#- A field of a JSON object that is held as text, as a value of some type. -#}
{% macro from_json_object(column, field, type) -%}
    {{ return(adapter.dispatch('from_json_object', 'hourbell')(column, field, type)) }}
{%- endmacro %}

{% macro default__from_json_object(column, field, type) -%}
    {%- if '[' in type or '(' in type and not type.upper().startswith('DECIMAL') -%}
    cast(json_extract({{ column }}, '$.{{ field }}') as {{ type }})
    {%- else -%}
    cast({{ column }} ->> '$.{{ field }}' as {{ type }})
    {%- endif -%}
{%- endmacro %}
