{#- A whole number from one on as one says it, with two digits that count: some 2,300. -#}
{% macro in_round_numbers(number) -%}
    {%- set unit = "pow(10, greatest(floor(log10(" ~ number ~ ")) - 1, 0))" -%}
    concat('some ', format('{:,}', cast(round({{ number }} / {{ unit }}) * {{ unit }} as bigint)))
{%- endmacro %}
