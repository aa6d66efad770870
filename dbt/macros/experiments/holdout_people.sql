{#- The people of each holdout, once each with the first of their enrollments, out of a CTE of `assigned`. Who turned out to be two people
    with two assignments is mixed and says nothing; who was drawn again by another share is as they were drawn first. Nobody who was
    drawn for the global holdout is among them: they get nothing from any workflow. -#}
{% macro holdout_people(entered) -%}
    (
        select
            first_draws.workflow,
            first_draws.step,
            first_draws.contact_id,
            min(first_draws.assignment) as assignment,
            min(first_draws.assignment) <> max(first_draws.assignment) as is_mixed,
            min(first_draws.assigned_at) as assigned_at,
            {{ first_by('first_draws.enrollment_id', '(first_draws.assigned_at, first_draws.enrollment_id)') }} as enrollment_id,
            {{ first_by('first_draws.holdout_share', '(first_draws.assigned_at, first_draws.enrollment_id)') }} as holdout_share
        from (
            select
                workflow,
                step,
                contact_id,
                drawn_contact_id,
                min(reached_at) as assigned_at,
                {%- for column in ['assignment', 'enrollment_id', 'holdout_share'] %}
                {{ first_by(column, '(reached_at, enrollment_id)') }} as {{ column }}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ entered }}
            group by workflow, step, contact_id, drawn_contact_id
        ) as first_draws
        left join {{ ref('global_assignments') }} as of_all on first_draws.drawn_contact_id = of_all.contact_id
        group by first_draws.workflow, first_draws.step, first_draws.contact_id
        having not coalesce(bool_or(of_all.assignment = 'holdout'), false)
    )
{%- endmacro %}
