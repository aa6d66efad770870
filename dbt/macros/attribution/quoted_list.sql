{#- A list of configuration as SQL has it, for `in`. -#}
{% macro quoted_list(values) -%}
    ('{{ values | join("', '") }}')
{%- endmacro %}
