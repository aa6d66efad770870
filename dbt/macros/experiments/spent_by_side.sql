{#- The CTE `spent` that `revenue_lifts` asks for.

    people  a CTE with one row per person: contact_id, assignment, holdout_share; and the columns `by`
    earned  a CTE of what they spent: contact_id, revenue; and the columns `by`. A person has one row at most -#}
{% macro spent_by_side(people, earned, by) -%}
spent as (
    select
        people.{{ by | join(',\n        people.') }},
        people.holdout_share,
        {%- for side, name in [('treated', 'treated'), ('holdout', 'held_out')] %}
        count(*) filter (people.assignment = '{{ side }}') as {{ name }},
        coalesce(sum(earned.revenue) filter (people.assignment = '{{ side }}'), 0) as {{ name }}_sum,
        coalesce(sum(pow(earned.revenue, 2)) filter (people.assignment = '{{ side }}'), 0) as {{ name }}_squares,
        count(*) filter (people.assignment = '{{ side }}' and earned.revenue > 0) as {{ name }}_spenders
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ people }} as people
    left join {{ earned }} as earned
        on
            {%- for column in by %}
            people.{{ column }} = earned.{{ column }} and
            {%- endfor %}
            people.contact_id = earned.contact_id
    group by people.{{ by | join(', people.') }}, people.holdout_share
)
{%- endmacro %}
