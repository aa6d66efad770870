{#- The CTEs from people and what they reached to `lifts`: one row for each value of the columns `by`, with both sides, their difference
    and its interval, and what else says how far to trust it.

    everybody  a CTE of `holdout_people`
    goals      a CTE of `holdout_goals` -#}
{% macro lift_of(everybody, goals, by) -%}
{%- set same -%}
    {%- for column in by %}people.{{ column }} = goals.{{ column }} and {% endfor %}people.contact_id = goals.contact_id
{%- endset -%}
{%- set named = by | join(', ') -%}
left_out as (
    select
        {{ named }},
        count(*) filter (is_mixed) as mixed,
        count(holdout_share) filter (not is_mixed) as shares_logged,
        count(*) filter (not is_mixed and holdout_share is not null and assignment = 'holdout') as held_out_of_logged,
        sum(holdout_share) filter (not is_mixed) as should_be_held_out
    from {{ everybody }}
    group by {{ named }}
),

people as (
    select * from {{ everybody }} where not is_mixed
),

what_they_did as (
    select
        people.{{ by | join(', people.') }},
        people.contact_id,
        people.assignment,
        case when count(goals.conversion_id) > 0 then 1 else 0 end as converted,
        cast(coalesce(sum(goals.revenue), 0) as double) as revenue
    from people
    left join {{ goals }} on {{ same }}
    group by people.{{ by | join(', people.') }}, people.contact_id, people.assignment
),

sides as (
    select
        {{ named }},
        count(*) filter (assignment = 'treated') as treated,
        count(*) filter (assignment = 'holdout') as held_out,
        coalesce(sum(converted) filter (assignment = 'treated'), 0) as treated_converted,
        coalesce(sum(converted) filter (assignment = 'holdout'), 0) as held_out_converted,
        avg(revenue) filter (assignment = 'treated') as treated_revenue,
        avg(revenue) filter (assignment = 'holdout') as held_out_revenue,
        var_samp(revenue) filter (assignment = 'treated') as treated_variance,
        var_samp(revenue) filter (assignment = 'holdout') as held_out_variance
    from what_they_did
    group by {{ named }}
),

shares as (
    select
        *,
        treated_variance / nullif(treated, 0) as treated_error,
        held_out_variance / nullif(held_out, 0) as held_out_error,
        treated_converted / cast(nullif(treated, 0) as double) as treated_rate,
        held_out_converted / cast(nullif(held_out, 0) as double) as held_out_rate,
        (treated_converted + held_out_converted) / cast(treated + held_out as double) as common_rate,
        {{ wilson_bound('treated_converted', 'nullif(treated, 0)', '-') }} as treated_low,
        {{ wilson_bound('treated_converted', 'nullif(treated, 0)', '+') }} as treated_high,
        {{ wilson_bound('held_out_converted', 'nullif(held_out, 0)', '-') }} as held_out_low,
        {{ wilson_bound('held_out_converted', 'nullif(held_out, 0)', '+') }} as held_out_high
    from sides
),

intervals as (
    select
        *,
        treated_rate * (1 - treated_rate) / nullif(treated, 0) as treated_rate_error,
        held_out_rate * (1 - held_out_rate) / nullif(held_out, 0) as held_out_rate_error,
        treated_rate - held_out_rate as lift,
        sqrt(pow(treated_rate - treated_low, 2) + pow(held_out_high - held_out_rate, 2)) as lift_below,
        sqrt(pow(treated_high - treated_rate, 2) + pow(held_out_rate - held_out_low, 2)) as lift_above,
        treated_revenue - held_out_revenue as revenue_lift,
        {{ student_quantile(welch_freedom('treated_error', 'treated', 'held_out_error', 'held_out')) }}
        * sqrt(treated_error + held_out_error) as revenue_margin
    from shares
),

lifts as (
    select
        intervals.*,
        left_out.mixed,
        left_out.should_be_held_out,
        {{ sample_ratio_p('left_out.held_out_of_logged', 'left_out.should_be_held_out', 'left_out.shares_logged') }} as ratio_p
    from intervals
    inner join left_out using ({{ named }})
)
{%- endmacro %}
