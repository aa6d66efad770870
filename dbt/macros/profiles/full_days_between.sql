{#- How many days of 24 hours have passed between two timestamps. -#}
{% macro full_days_between(earlier, later) -%}
    date_sub('day', {{ earlier }}, {{ later }})
{%- endmacro %}
