{#- The chance that a standard normal number is greater than a number that is not negative: Abramowitz and Stegun 26.2.17, good to
    seven digits behind the point. -#}
{% macro normal_tail(number) -%}
    {%- set t = "(1 / (1 + 0.2316419 * (" ~ number ~ ")))" -%}
    (
        exp(-pow({{ number }}, 2) / 2) * 0.3989422804014327 * {{ t }} * (
            0.319381530 + {{ t }} * (-0.356563782 + {{ t }} * (1.781477937 + {{ t }} * (-1.821255978 + {{ t }} * 1.330274429)))
        )
    )
{%- endmacro %}
