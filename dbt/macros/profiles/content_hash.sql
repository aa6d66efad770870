{#- A number that differs wherever any of the columns of a relation does. It is good for comparisons within one statement:
    engines may change how they hash. -#}
{% macro content_hash(columns, relation) -%}
    hash({% for column in columns %}{{ relation }}.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}
