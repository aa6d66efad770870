{#- Who was drawn for what: the logged assignments, by the contact that each one is by now. At the entry into a workflow; or,
    `at_steps`, at those steps that hold some out themselves (`send(…, holdout=…)`). -#}
{% macro assigned(at_steps=false) -%}
    (
        select
            arrivals.workflow,
            arrivals.step,
            coalesce(surviving.into_contact_id, arrivals.contact_id) as contact_id,
            arrivals.contact_id as drawn_contact_id,
            arrivals.enrollment_id,
            arrivals.reached_at,
            arrivals.holdout_share,
            {{ 'arrivals.step_assignment' if at_steps else 'arrivals.assignment' }} as assignment
        from {{ ref('arrivals') }} as arrivals
        left join {{ surviving_contacts() }} as surviving on arrivals.contact_id = surviving.contact_id
        where {{ 'arrivals.step_assignment is not null' if at_steps else "arrivals.step = 'entered'" }}
    )
{%- endmacro %}
