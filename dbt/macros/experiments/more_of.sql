{#- How many more of something it takes, where there have to be so many times as many: one at least. -#}
{% macro more_of(number, times) -%}
    greatest(cast(ceil(least(({{ number }}) * ({{ times }} - 1), 1e15)) as bigint), 1)
{%- endmacro %}
