{#- The UTC timestamp of a wall-clock time in a zone. -#}
{% macro from_local_time(local_timestamp, timezone) -%}
    timezone('UTC', timezone(coalesce({{ timezone }}, '{{ var("account_timezone") }}'), {{ local_timestamp }}))
{%- endmacro %}
