{#- The CTEs from `spent` to `compared_revenue`: one row for each value of the columns `by`, with what both sides spent for each of their
    people, the difference and its margin at 95 % (Welch's), and whether it may be called.

    spent  a CTE with one row per group that was divided by one share: the columns `by`; holdout_share; treated, held_out, how many they
           are; treated_sum, treated_squares, treated_spenders and the same of the held_out: what they spent, the squares of what
           each spent, and how many spent anything. Who spent nothing needs no row to count -#}
{% macro revenue_lifts(spent, by) -%}
{%- set named = by | join(', ') -%}
{{ strata_weights(spent, by) }},

means as (
    select
        *,
        1.0 / nullif(treated, 0) + 1.0 / nullif(held_out, 0) as both_sizes,
        {%- for name in ['treated', 'held_out'] %}
        {{ name }}_sum / nullif({{ name }}, 0) as {{ name }}_mean,
        greatest({{ name }}_squares - pow({{ name }}_sum, 2) / nullif({{ name }}, 0), 0)
        / nullif({{ name }} - 1, 0) as {{ name }}_variance
        {{- ',' if not loop.last }}
        {%- endfor %}
    from weighted
),

errors as (
    select
        *,
        {%- for name in ['treated', 'held_out'] %}
        weight * weight * {{ name }}_variance / {{ name }} as {{ name }}_error,
        {%- endfor %}
        weight * weight * both_sizes
        * {{ pooled_variance('treated_variance', 'treated', 'held_out_variance', 'held_out') }} as common_error
    from means
),

together as (
    select
        {{ named }},
        {%- for name in ['treated', 'held_out'] %}
        sum({{ name }}) as {{ name }},
        coalesce(sum(weight * {{ name }}_mean), sum({{ name }}_sum) / nullif(sum({{ name }}), 0)) as {{ name }}_mean,
        case when count(weight) = count({{ name }}_error) then sum({{ name }}_error) end as {{ name }}_error,
        sum({{ error_by_freedom(name ~ '_error', name) }}) as {{ name }}_freedom,
        {%- endfor %}
        coalesce(sum(treated) filter (weight is not null), 0) as treated_beside,
        sum(weight * (treated_mean - held_out_mean)) as lift,
        sum(common_error) as common_error,
        sum(weight * weight * both_sizes) as both_sizes,
        sum(weight * (treated_spenders + held_out_spenders) / (treated + held_out)) as spending
    from errors
    group by {{ named }}
),

compared_revenue as (
    select
        *,
        {{ student_quantile(welch_freedom('(treated_error + held_out_error)', '(treated_freedom + held_out_freedom)')) }}
        * sqrt(treated_error + held_out_error) as margin,
        {{ always_valid_verdict('lift', 'common_error', 'spending', 'both_sizes') }}
    from together
)
{%- endmacro %}
