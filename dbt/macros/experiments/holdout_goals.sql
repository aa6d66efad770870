{#- What the people of a CTE of `assigned` reached of their workflow's goals, each order once, though it may end several enrollments.
    `since_reached` leaves out what came before the step. -#}
{% macro holdout_goals(entered, since_reached=false) -%}
    (
        select
            entered.workflow,
            entered.step,
            entered.contact_id,
            coalesce(exits.conversion_id, cast(exits.enrollment_id as varchar)) as conversion_id,
            min(exits.exited_at) as reached_at,
            max(coalesce(exits.revenue, 0)) as revenue
        from {{ ref('exits') }} as exits
        inner join {{ entered }} as entered on exits.enrollment_id = entered.enrollment_id and exits.workflow = entered.workflow
        where
            exits.reason = 'converted'
            {%- if since_reached %}
            and exits.exited_at >= entered.reached_at
            {%- endif %}
        group by
            entered.workflow,
            entered.step,
            entered.contact_id,
            coalesce(exits.conversion_id, cast(exits.enrollment_id as varchar))
    )
{%- endmacro %}
