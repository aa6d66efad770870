{#- End of the tick, exclusive (UTC). From dbt's own --event-time-end; a compiled statement without one asks its session. -#}
{% macro tick_end() -%}
    {%- set given = invocation_args_dict.get('event_time_end') -%}
    {%- if given -%} timestamp '{{ given }}' {%- else -%} {{ session_timestamp('tick_end') }} {%- endif -%}
{%- endmacro %}
