{#- The CTEs from `measured` to `adjusted`: the difference of two sides, plain and less what was known of their people beforehand
    (CUPED: A. Deng, Y. Xu, R. Kohavi, T. Walker, Improving the Sensitivity of Online Controlled Experiments by Utilizing
    Pre-Experiment Data, WSDM 2013). Of each outcome, theta times what the person did before is taken off; theta is that of both sides
    together, each about its own mean, so that the effect itself does not count as variance. Both intervals are Welch's.

    measured  a CTE with one row per person: assignment (treated or holdout), outcome, before; and the columns `by`

    Without history on either side (nobody did anything before) the adjusted columns are empty. -#}
{% macro adjusted_for_history(measured, by) -%}
{%- set named = by | join(', ') -%}
moments as (
    select
        {{ named }},
        {%- for side, name in [('treated', 'treated'), ('holdout', 'held_out')] %}
        count(*) filter (assignment = '{{ side }}') as {{ name }},
        avg(outcome) filter (assignment = '{{ side }}') as {{ name }}_outcome,
        avg(before) filter (assignment = '{{ side }}') as {{ name }}_before,
        var_samp(outcome) filter (assignment = '{{ side }}') as {{ name }}_variance,
        var_samp(before) filter (assignment = '{{ side }}') as {{ name }}_before_variance,
        covar_samp(outcome, before) filter (assignment = '{{ side }}') as {{ name }}_covariance
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ measured }}
    group by {{ named }}
),

with_theta as (
    select
        *,
        {{ pooled_variance('treated_covariance', 'treated', 'held_out_covariance', 'held_out') }}
        / nullif({{ pooled_variance('treated_before_variance', 'treated', 'held_out_before_variance', 'held_out') }}, 0) as theta
    from moments
),

errors as (
    select
        *,
        {%- for name in ['treated', 'held_out'] %}
        {{ name }}_variance / nullif({{ name }}, 0) as {{ name }}_error,
        case when theta is not null then greatest(
            {{ name }}_variance + theta * theta * {{ name }}_before_variance - 2 * theta * {{ name }}_covariance, 0
        ) end / nullif({{ name }}, 0) as {{ name }}_adjusted_error
        {{- ',' if not loop.last }}
        {%- endfor %}
    from with_theta
),

adjusted as (
    select
        {{ named }},
        treated,
        held_out,
        treated_outcome - held_out_outcome as lift,
        {{ student_quantile(welch_freedom('treated_error', 'treated', 'held_out_error', 'held_out')) }}
        * sqrt(treated_error + held_out_error) as margin,
        theta,
        treated_outcome - held_out_outcome - theta * (treated_before - held_out_before) as adjusted_lift,
        {{ student_quantile(welch_freedom('treated_adjusted_error', 'treated', 'held_out_adjusted_error', 'held_out')) }}
        * sqrt(treated_adjusted_error + held_out_adjusted_error) as adjusted_margin,
        1 - (treated_adjusted_error + held_out_adjusted_error) / nullif(treated_error + held_out_error, 0) as variance_reduction
    from errors
)
{%- endmacro %}
