{#- What one mean of so many people, whose standard error squared is given, counts for in `welch_freedom`. -#}
{% macro error_by_freedom(error, size) -%}
    (pow({{ error }}, 2) / nullif({{ size }} - 1, 0))
{%- endmacro %}
