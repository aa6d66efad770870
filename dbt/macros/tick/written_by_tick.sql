{#- Whether this tick's window wrote a row, going by the column that places the row in time: a moment, the
    end of the window, or the day, which is worked out anew as long as it lasts. -#}
{% macro written_by_tick(column) -%}
    {%- if column == 'tick_end' -%}
        ({{ column }} > {{ tick_start() }} and {{ column }} <= {{ tick_end() }})
    {%- elif column == 'day' -%}
        ({{ column }} >= date_trunc('day', {{ tick_start() }}) and {{ column }} < {{ tick_end() }})
    {%- else -%}
        {{ in_tick(column) }}
    {%- endif -%}
{%- endmacro %}
