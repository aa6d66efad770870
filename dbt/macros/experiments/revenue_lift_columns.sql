{#- What a mart tells of a lift in money, out of the last CTE of `revenue_lifts`; who spends is called `person`, or otherwise. -#}
{% macro revenue_lift_columns(person='person', added='added_revenue') -%}
    treated_mean as treated_revenue_per_{{ person }},
    held_out_mean as held_out_revenue_per_{{ person }},
    lift as revenue_lift,
    lift - margin as revenue_lift_low,
    lift + margin as revenue_lift_high,
    treated_mean / nullif(held_out_mean, 0) as revenue_ratio,
    {{ ratio_bound('treated_mean', 'treated_error', 'held_out_mean', 'held_out_error', '-') }} as revenue_ratio_low,
    {{ ratio_bound('treated_mean', 'treated_error', 'held_out_mean', 'held_out_error', '+') }} as revenue_ratio_high,
    {{ smallest_lift('common_error') }} as smallest_revenue_lift,
    {{ power('held_out_mean', 'common_error') }} as revenue_power,
    lift * treated_beside as {{ added }},
    (lift - margin) * treated_beside as {{ added }}_low,
    (lift + margin) * treated_beside as {{ added }}_high
{%- endmacro %}
