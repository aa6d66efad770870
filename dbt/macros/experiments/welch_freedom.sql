{#- Degrees of freedom of the difference of two means, given the squares of their standard errors (Welch 1947). -#}
{% macro welch_freedom(error, size, other_error, other_size) -%}
    (
        pow({{ error }} + {{ other_error }}, 2) / nullif(
            pow({{ error }}, 2) / nullif({{ size }} - 1, 0) + pow({{ other_error }}, 2) / nullif({{ other_size }} - 1, 0), 0
        )
    )
{%- endmacro %}
