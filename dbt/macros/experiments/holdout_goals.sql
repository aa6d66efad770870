{#- What the people of a CTE of `holdout_people` reached of their workflow's goals, each order once, less what was given back of it since;
    what was given back whole was no goal. Counted is what the first of their enrollments met with, from when they were drawn on and
    for as long as the workflow's longest path. An enrollment goes on counting that long whatever they do, treated or not; how
    often they enter again may depend on the treatment, and so would what they reach in the further enrollments. -#}
{% macro holdout_goals(everybody) -%}
    (
        select
            everybody.workflow,
            everybody.step,
            everybody.contact_id,
            coalesce(exits.conversion_id, cast(exits.enrollment_id as varchar)) as conversion_id,
            min(exits.exited_at) as reached_at,
            max(coalesce(exits.revenue, 0) - coalesce(given_back.amount, 0)) as revenue
        from {{ ref('exits') }} as exits
        inner join {{ everybody }} as everybody
            on
                exits.enrollment_id = everybody.enrollment_id
                and exits.workflow = everybody.workflow
                and exits.exited_at >= everybody.assigned_at
                and exits.exited_at < everybody.assigned_at + {{ goal_window('everybody.workflow') }}
        left join {{ ref('given_back') }} as given_back on exits.conversion_id = given_back.conversion_id
        where exits.reason = 'converted' and (given_back.amount is null or given_back.amount < exits.revenue)
        group by
            everybody.workflow,
            everybody.step,
            everybody.contact_id,
            coalesce(exits.conversion_id, cast(exits.enrollment_id as varchar))
    )
{%- endmacro %}
