{#- Aggregate: the value of a column in the row that is first by another. -#}
{% macro first_by(column, by) -%}
    min_by({{ column }}, {{ by }})
{%- endmacro %}
