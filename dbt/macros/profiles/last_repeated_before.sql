{#- When all profiles were written down anew for the last time before a moment (an expression): at the start of its month.
    No version older than that need be looked at to know the profiles just before the moment. -#}
{% macro last_repeated_before(moment) -%}
    date_trunc('month', {{ moment }} - interval '1 microsecond')
{%- endmacro %}
