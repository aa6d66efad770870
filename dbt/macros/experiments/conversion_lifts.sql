{#- The CTEs from `counted` to `compared`: one row for each value of the columns `by`, with the shares of both sides that reached a goal,
    their difference and its 95 % interval (Newcombe's, put together over the groups by the method of variance estimates recovery: G. Y.
    Zou, A. Donner, Statistics in Medicine 27, 2008, pp. 1693-1702), and whether it may be called.

    counted  a CTE with one row per group that was divided by one share: the columns `by`; holdout_share; treated, held_out,
             treated_converted, held_out_converted -#}
{% macro conversion_lifts(counted, by) -%}
{%- set named = by | join(', ') -%}
{{ strata_weights(counted, by) }},

shares as (
    select
        *,
        treated_converted / cast(nullif(treated, 0) as double) as treated_rate,
        held_out_converted / cast(nullif(held_out, 0) as double) as held_out_rate,
        1.0 / nullif(treated, 0) + 1.0 / nullif(held_out, 0) as both_sizes,
        {{ wilson_bound('treated_converted', 'nullif(treated, 0)', '-') }} as treated_low,
        {{ wilson_bound('treated_converted', 'nullif(treated, 0)', '+') }} as treated_high,
        {{ wilson_bound('held_out_converted', 'nullif(held_out, 0)', '-') }} as held_out_low,
        {{ wilson_bound('held_out_converted', 'nullif(held_out, 0)', '+') }} as held_out_high
    from weighted
),

together as (
    select
        {{ named }},
        sum(treated) as treated,
        sum(held_out) as held_out,
        coalesce(sum(treated) filter (weight is not null), 0) as treated_beside,
        sum(treated_converted) as treated_converted,
        sum(held_out_converted) as held_out_converted,
        coalesce(sum(weight * treated_rate), sum(treated_converted) / cast(nullif(sum(treated), 0) as double)) as treated_rate,
        coalesce(sum(weight * held_out_rate), sum(held_out_converted) / cast(nullif(sum(held_out), 0) as double)) as held_out_rate,
        sum(weight * weight * treated_rate * (1 - treated_rate) / treated) as treated_rate_error,
        sum(weight * weight * held_out_rate * (1 - held_out_rate) / held_out) as held_out_rate_error,
        sum(weight * (treated_rate - held_out_rate)) as lift,
        sqrt(sum(weight * weight * (pow(treated_rate - treated_low, 2) + pow(held_out_high - held_out_rate, 2)))) as lift_below,
        sqrt(sum(weight * weight * (pow(treated_high - treated_rate, 2) + pow(held_out_rate - held_out_low, 2)))) as lift_above,
        sum(weight * weight * both_sizes) as both_sizes,
        {{ rate_variance(
            'sum(treated_converted + held_out_converted) filter (weight is not null)',
            'sum(treated + held_out) filter (weight is not null)'
        ) }} as common_variance,
        sum(weight * (treated_converted + held_out_converted) / (treated + held_out)) as common_rate
    from shares
    group by {{ named }}
),

compared as (
    select
        *,
        {{ always_valid_verdict('lift', 'common_variance * both_sizes', '(common_rate * (1 - common_rate))', 'both_sizes') }}
    from together
)
{%- endmacro %}
