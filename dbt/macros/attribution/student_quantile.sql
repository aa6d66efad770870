{#- The 97.5 % point of Student's t for a number of degrees of freedom: Abramowitz and Stegun 26.7.5, good to three digits from
    three degrees on. -#}
{% macro student_quantile(freedom) -%}
    {%- set z = 1.959963984540054 -%}
    (
        {{ z }}
        + {{ (z ** 3 + z) / 4 }} / ({{ freedom }})
        + {{ (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96 }} / pow({{ freedom }}, 2)
        + {{ (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384 }} / pow({{ freedom }}, 3)
    )
{%- endmacro %}
