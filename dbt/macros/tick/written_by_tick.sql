{#- Whether this tick's window wrote a row, going by the column that places the row in time. -#}
{% macro written_by_tick(column) -%}
    {%- if column == 'tick_end' -%}
        ({{ column }} > {{ tick_start() }} and {{ column }} <= {{ tick_end() }})
    {%- else -%}
        {{ in_tick(column) }}
    {%- endif -%}
{%- endmacro %}
