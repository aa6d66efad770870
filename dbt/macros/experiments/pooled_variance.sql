{#- The variance within two groups together, by their sizes. -#}
{% macro pooled_variance(variance, size, other_variance, other_size) -%}
    (
        (coalesce({{ variance }}, 0) * greatest({{ size }} - 1, 0) + coalesce({{ other_variance }}, 0) * greatest({{ other_size }} - 1, 0))
        / nullif({{ size }} + {{ other_size }} - 2, 0)
    )
{%- endmacro %}
