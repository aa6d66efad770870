{#- The p that belongs to `always_valid_margin`: one over the mixture's likelihood ratio, at most 1. It is under alpha when, and only
    when, the sequence leaves out zero. -#}
{% macro always_valid_p(difference, variance, ratio) -%}
    least(1, sqrt(1 + {{ ratio }}) * exp(
        -pow({{ difference }}, 2) / (2 * nullif({{ variance }}, 0)) * {{ ratio }} / (1 + {{ ratio }})
    ))
{%- endmacro %}
