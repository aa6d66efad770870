{#- Columns of decisions.decisions, which must exist before the first tick: each tick asks it what earlier ones decided. -#}
{% macro decision_columns() -%}
    tick_end timestamp
{%- endmacro %}
