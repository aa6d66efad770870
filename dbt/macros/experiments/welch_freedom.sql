{#- Degrees of freedom of the difference of two means (B. L. Welch, Biometrika 34, 1947, pp. 28-35), given the square of its standard error,
    and the sum of `error_by_freedom` over all that it is made of. -#}
{% macro welch_freedom(error, parts) -%}
    (pow({{ error }}, 2) / nullif({{ parts }}, 0))
{%- endmacro %}
