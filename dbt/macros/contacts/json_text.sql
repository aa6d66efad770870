{#- The first of some fields of a JSON column that is there, as text. -#}
{% macro json_text(column, fields) -%}
    coalesce({% for field in fields %}json_extract_string({{ column }}, '{{ field }}'){{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}
