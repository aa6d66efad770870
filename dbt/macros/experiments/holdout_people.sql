{#- The people of each holdout, once each, out of a CTE of `assigned`. Who turned out to be two people with two assignments is mixed
    and says nothing. Nobody who is in the global holdout is among them: they get nothing from any workflow. -#}
{% macro holdout_people(entered) -%}
    (
        select
            workflow,
            step,
            contact_id,
            min(assignment) as assignment,
            min(assignment) <> max(assignment) as is_mixed,
            min(reached_at) as assigned_at,
            {{ first_by('holdout_share', 'reached_at') }} as holdout_share
        from {{ entered }}
        group by workflow, step, contact_id
        having not bool_or({{ salted_share(["'global holdout'", 'drawn_contact_id']) }} < {{ var('global_holdout') }})
    )
{%- endmacro %}
