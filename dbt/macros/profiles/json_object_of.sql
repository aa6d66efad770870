{#- Aggregate: a JSON object out of keys and values; the values are JSON themselves. -#}
{% macro json_object_of(key, value) -%}
    to_json(map(list({{ key }} order by {{ key }}), list(cast({{ value }} as json) order by {{ key }})))
{%- endmacro %}
