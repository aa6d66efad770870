{#- The CTEs from people and what they reached to `lifts`: one row for each value of the columns `by`, with both sides, their difference
    and its interval, and what else says how far to trust it.

    everybody  a CTE of `holdout_people`
    goals      a CTE of `holdout_goals` -#}
{% macro lift_of(everybody, goals, by) -%}
{%- set same -%}
    {%- for column in by %}people.{{ column }} = goals.{{ column }} and {% endfor %}people.contact_id = goals.contact_id
{%- endset -%}
{%- set named = by | join(', ') -%}
{{ balance_of(everybody, by) }},

people as (
    select * from {{ everybody }} where not is_mixed
),

what_they_did as (
    select
        people.{{ by | join(', people.') }},
        people.holdout_share,
        people.assignment,
        case when count(goals.conversion_id) > 0 then 1 else 0 end as converted
    from people
    left join {{ goals }} on {{ same }}
    group by people.{{ by | join(', people.') }}, people.contact_id, people.assignment, people.holdout_share
),

counted as (
    select
        {{ named }},
        holdout_share,
        count(*) filter (assignment = 'treated') as treated,
        count(*) filter (assignment = 'holdout') as held_out,
        coalesce(sum(converted) filter (assignment = 'treated'), 0) as treated_converted,
        coalesce(sum(converted) filter (assignment = 'holdout'), 0) as held_out_converted
    from what_they_did
    group by {{ named }}, holdout_share
),

{{ conversion_lifts('counted', by) }},

lifts as (
    select
        compared.*,
        balance.drawn_since,
        balance.mixed,
        balance.should_be_held_out,
        balance.ratio_p
    from compared
    inner join balance using ({{ named }})
)
{%- endmacro %}
