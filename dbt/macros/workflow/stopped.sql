{#- Exits of those whom a step of any workflow takes out of this one, by stop_workflow, or somebody does by hand, with an event of
    the same name.

        select * from {{ stopped(ref('abandoned_cart__entered')) }}
-#}
{% macro stopped(entered) -%}
    (
        select
            entered.enrollment_id,
            events.effective_at as exited_at,
            case when events.source = 'hourbell' then 'stopped by a workflow' else 'stopped by hand' end as reason,
            cast(null as varchar) as conversion_id,
            cast(null as decimal(18, 2)) as revenue
        from {{ in_progress(entered) }} as entered
        inner join {{ ref('events') }} as events
            on
                entered.contact_id = events.contact_id
                and entered.reached_at <= events.effective_at
                and entered.stays_until > events.effective_at
        where
            {{ in_tick('events.effective_at') }}
            and events.event = 'Workflow Stopped'
            and (events.properties ->> '$.workflow') = '{{ workflow_name() }}'
    ) as stopped
{%- endmacro %}
