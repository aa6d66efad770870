{#- Whether a time lies in the tick. `after` shifts it first: in_tick('reached_at', after='1 hour') asks whether an hour later does.
    The column stays bare on its side of the comparison, so that the engine can skip what is old. -#}
{% macro in_tick(column, after=none) -%}
    {%- set shift = " - interval '" ~ after ~ "'" if after else '' -%}
    ({{ column }} >= {{ tick_start() }}{{ shift }} and {{ column }} < {{ tick_end() }}{{ shift }})
{%- endmacro %}
