{#- Wall-clock time in a zone, of a UTC timestamp; in the account's zone where none is given. Zones are checked where they come
    in: an unknown one is an error here. -#}
{% macro to_local_time(timestamp_utc, timezone) -%}
    {{ return(adapter.dispatch('to_local_time', 'hourbell')(timestamp_utc, timezone)) }}
{%- endmacro %}

{% macro default__to_local_time(timestamp_utc, timezone) -%}
    timezone(coalesce({{ timezone }}, '{{ var("account_timezone") }}'), timezone('UTC', {{ timestamp_utc }}))
{%- endmacro %}
