{#- The CTEs from `measured` to `adjusted`: the difference of two sides, plain and less what was known of their people beforehand
    (CUPED: A. Deng, Y. Xu, R. Kohavi, T. Walker, Improving the Sensitivity of Online Controlled Experiments by Utilizing
    Pre-Experiment Data, WSDM 2013). Of each outcome, theta times what the person did before is taken off; theta is that of both sides
    together, each about its own mean, so that the effect itself does not count as variance. Both intervals are Welch's. People who
    were divided by another share are compared among themselves.

    measured  a CTE with one row per person: assignment (treated or holdout), holdout_share, outcome, before; and the columns `by`

    Without history on either side (nobody did anything before) the adjusted columns are empty. -#}
{% macro adjusted_for_history(measured, by) -%}
{%- set named = by | join(', ') -%}
moments as (
    select
        {{ named }},
        holdout_share,
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
    group by {{ named }}, holdout_share
),

{{ strata_weights('moments', by) }},

with_theta as (
    select
        *,
        {{ pooled_variance('treated_covariance', 'treated', 'held_out_covariance', 'held_out') }}
        / nullif({{ pooled_variance('treated_before_variance', 'treated', 'held_out_before_variance', 'held_out') }}, 0) as theta
    from weighted
),

errors as (
    select
        *,
        treated_outcome - held_out_outcome as lift,
        -- where nobody of a group did anything before, nothing is taken off
        coalesce(theta, 0) * (treated_before - held_out_before) as gone_before,
        {%- for name in ['treated', 'held_out'] %}
        weight * weight * {{ name }}_variance / {{ name }} as {{ name }}_error,
        weight * weight * greatest(
            {{ name }}_variance + pow(coalesce(theta, 0), 2) * {{ name }}_before_variance - 2 * coalesce(theta, 0) * {{ name }}_covariance,
            0
        ) / {{ name }} as {{ name }}_adjusted_error
        {{- ',' if not loop.last }}
        {%- endfor %}
    from with_theta
),

together as (
    select
        {{ named }},
        sum(treated) as treated,
        sum(held_out) as held_out,
        sum(weight * lift) as lift,
        sum(weight * theta) as theta,
        case when count(theta) filter (weight is not null) > 0 then sum(weight * (lift - gone_before)) end as adjusted_lift,
        {%- for kind in ['error', 'adjusted_error'] %}
        case when count(weight) = count(treated_{{ kind }} + held_out_{{ kind }})
            then sum(treated_{{ kind }} + held_out_{{ kind }})
        end as {{ kind }},
        sum({{ error_by_freedom('treated_' ~ kind, 'treated') }} + {{ error_by_freedom('held_out_' ~ kind, 'held_out') }})
        as {{ kind }}_freedom
        {{- ',' if not loop.last }}
        {%- endfor %}
    from errors
    group by {{ named }}
),

adjusted as (
    select
        {{ named }},
        treated,
        held_out,
        lift,
        {{ student_quantile(welch_freedom('error', 'error_freedom')) }} * sqrt(error) as margin,
        theta,
        adjusted_lift,
        case when adjusted_lift is not null
            then {{ student_quantile(welch_freedom('adjusted_error', 'adjusted_error_freedom')) }} * sqrt(adjusted_error)
        end as adjusted_margin,
        case when adjusted_lift is not null then 1 - adjusted_error / nullif(error, 0) end as variance_reduction
    from together
)
{%- endmacro %}
