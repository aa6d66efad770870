{#- An amount shared out by portions that make a whole, each part rounded to `digits`, so that the parts add up to the amount:
    all are rounded down, and what is left goes to those that lost most by it (largest remainder); among equals to the first
    by `ties`. `among` are the columns that say what is shared out. -#}
{% macro apportioned(amount, portion, among, ties, digits=2) -%}
    {%- set exact = "(" ~ amount ~ ") * 1e" ~ digits ~ " * (" ~ portion ~ ")" -%}
    {%- set partition = "partition by " ~ among | join(', ') -%}
    cast((
        floor({{ exact }}) + case
            when row_number() over ({{ partition }} order by floor({{ exact }}) - {{ exact }}, {{ ties }})
                <= round(({{ amount }}) * 1e{{ digits }}) - sum(floor({{ exact }})) over ({{ partition }})
                then 1
            else 0
        end
    ) / 1e{{ digits }} as decimal(18, {{ digits }}))
{%- endmacro %}
