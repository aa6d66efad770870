{#- The smallest difference of two means that such groups show in four of five cases, two-sided at 5 %: (z(0.975) + z(0.8)) standard
    errors, given the variance that is common to both. `hourbell forecast` says the same beforehand. Source: J. Fleiss, B. Levin,
    M. Paik, Statistical Methods for Rates and Proportions, 3rd edition, chapter 4. -#}
{% macro smallest_lift(variance, size, other_size) -%}
    (2.801585218112969 * sqrt({{ variance }} * (1.0 / nullif({{ size }}, 0) + 1.0 / nullif({{ other_size }}, 0))))
{%- endmacro %}
