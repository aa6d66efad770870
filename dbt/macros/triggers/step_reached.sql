{#- A trigger: contacts reach a step of another workflow, or leave it by one of its branches.

    step    the step, as ref()
    branch  only those who go this way

        with won_back as (select * from {{ step_reached(ref('reengagement__reaction'), branch='came back') }})
        select * from {{ entries('won_back', reentry='per key') }}
-#}
{% macro step_reached(step, branch=none) -%}
    (
        with reached as (
            select
                contact_id,
                cast(enrollment_id as varchar) as entry_key,
                reached_at,
                reached_at as occurred_at
            from {{ step }}
            where
                {{ in_tick('reached_at') }}
                and assignment = 'treated'
                {%- if branch %}
                and branch = '{{ branch }}'
                {%- endif %}
        )

        select * from {{ with_surviving_contacts('reached', 'reached.reached_at') }}
    )
{%- endmacro %}
