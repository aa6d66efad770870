{#- Wall-clock time in a zone, of a UTC timestamp. An unknown zone falls back on the account's. -#}
{% macro to_local_time(timestamp_utc, timezone) -%}
    timezone(coalesce({{ timezone }}, '{{ var("account_timezone") }}'), timezone('UTC', {{ timestamp_utc }}))
{%- endmacro %}
