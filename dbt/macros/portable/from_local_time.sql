{#- The UTC timestamp of a wall-clock time in a zone; the account's where none is given. A time that the clocks skip moves to the
    next that they show; of one that they show twice it is the later. -#}
{% macro from_local_time(local_timestamp, timezone) -%}
    {{ return(adapter.dispatch('from_local_time', 'hourbell')(local_timestamp, timezone)) }}
{%- endmacro %}

{% macro default__from_local_time(local_timestamp, timezone) -%}
    {%- set zone = "coalesce(" ~ timezone ~ ", '" ~ var('account_timezone') ~ "')" -%}
    {%- set moment = "timezone(" ~ zone ~ ", " ~ local_timestamp ~ ")" -%}
    {#- DuckDB reads a skipped time as if the clocks had not yet been moved. They are moved on a full hour. -#}
    timezone('UTC', case
        when timezone({{ zone }}, {{ moment }}) = {{ local_timestamp }} then {{ moment }}
        else {{ moment }} - ({{ local_timestamp }} - date_trunc('hour', {{ local_timestamp }}))
    end)
{%- endmacro %}
