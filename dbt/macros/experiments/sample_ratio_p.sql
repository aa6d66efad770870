{#- How likely as uneven a division is as this, by chance: the p of a chi-square test with one degree of freedom of those that were
    held out against how many should have been. Empty where none or all should have been. -#}
{% macro sample_ratio_p(held_out, expected, people) -%}
    (2 * {{ normal_tail(
        "abs(" ~ held_out ~ " - " ~ expected ~ ") / sqrt(nullif(" ~ expected ~ " * (1 - " ~ expected ~ " / nullif(" ~ people ~ ", 0)), 0))"
    ) }})
{%- endmacro %}
