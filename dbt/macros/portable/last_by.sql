{#- Aggregate: the value of a column in the row that is last by another. -#}
{% macro last_by(column, by) -%}
    max_by({{ column }}, {{ by }})
{%- endmacro %}
