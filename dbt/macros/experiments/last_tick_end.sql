{#- Up to when the marts know: what is told over all time is as of then. -#}
{% macro last_tick_end() -%}
    (select max(ticks.tick_end) from {{ ref('ticks') }} as ticks)
{%- endmacro %}
