{#- One end of the 95 % score interval of a share of `hits` in `size` (Wilson 1927); `sign` is - for the lower end, + for the upper. -#}
{% macro wilson_bound(hits, size, sign) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set share = "(" ~ hits ~ " / cast(nullif(" ~ size ~ ", 0) as double))" -%}
    (
        ({{ share }} + {{ z * z / 2 }} / {{ size }} {{ sign }} {{ z }} * sqrt(
            {{ share }} * (1 - {{ share }}) / {{ size }} + {{ z * z / 4 }} / ({{ size }} * {{ size }})
        )) / (1 + {{ z * z }} / {{ size }})
    )
{%- endmacro %}
