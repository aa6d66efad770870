{#- The variance of whether somebody did something, of which `hits` of `people` did. Half a person more on either side keeps it above
    zero where nobody or everybody did. -#}
{% macro rate_variance(hits, people) -%}
    (({{ hits }} + 0.5) / ({{ people }} + 1.0) * (1 - ({{ hits }} + 0.5) / ({{ people }} + 1.0)))
{%- endmacro %}
