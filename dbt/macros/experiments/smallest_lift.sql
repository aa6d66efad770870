{#- The smallest difference of two means that two groups show in four of five cases, two-sided at 5 %: (z(0.975) + z(0.8)) standard
    errors, given the square of the error that it has where they are alike. `hourbell forecast` says the same beforehand. Source: J.
    Fleiss, B. Levin, M. Paik, Statistical Methods for Rates and Proportions, 3rd edition, chapter 4. -#}
{% macro smallest_lift(error) -%}
    {#- of what nobody does, or all do, nothing is known #}
    (2.801585218112969 * sqrt(nullif({{ error }}, 0)))
{%- endmacro %}
