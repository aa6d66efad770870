{#- The people of each holdout, once each with the first of their enrollments, out of a CTE of `assigned`. Who turned out to be two people
    with two assignments is mixed and says nothing. Nobody who was drawn for the global holdout is among them: they get nothing
    from any workflow. -#}
{% macro holdout_people(entered) -%}
    (
        select
            entered.workflow,
            entered.step,
            entered.contact_id,
            min(entered.assignment) as assignment,
            min(entered.assignment) <> max(entered.assignment) as is_mixed,
            min(entered.reached_at) as assigned_at,
            {{ first_by('entered.enrollment_id', '(entered.reached_at, entered.enrollment_id)') }} as enrollment_id,
            {{ first_by('entered.holdout_share', '(entered.reached_at, entered.enrollment_id)') }} as holdout_share
        from {{ entered }} as entered
        left join {{ ref('global_assignments') }} as of_all on entered.drawn_contact_id = of_all.contact_id
        group by entered.workflow, entered.step, entered.contact_id
        having not coalesce(bool_or(of_all.assignment = 'holdout'), false)
    )
{%- endmacro %}
