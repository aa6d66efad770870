{#- Start of the tick, inclusive (UTC). From dbt's own --event-time-start; a compiled statement without one asks its session. -#}
{% macro tick_start() -%}
    {%- set given = invocation_args_dict.get('event_time_start') -%}
    {%- if given -%} timestamp '{{ given }}' {%- else -%} {{ session_timestamp('tick_start') }} {%- endif -%}
{%- endmacro %}
