{#- Exits of those who leave a segment while they are in the workflow, also where a new definition of it puts them out.

        select * from {{ left_segment(ref('welcome_series__entered'), ref('segment_changes'), 'newsletter_subscribers') }}
-#}
{% macro left_segment(entered, segment_changes, segment, reason='left the segment') -%}
    (
        select
            entered.enrollment_id,
            changes.changed_at as exited_at,
            '{{ reason }}' as reason,
            cast(null as varchar) as conversion_id,
            cast(null as decimal(18, 2)) as revenue
        from {{ in_progress(entered) }} as entered
        inner join {{ segment_changes }} as changes
            on
                entered.contact_id = changes.contact_id
                and entered.reached_at <= changes.changed_at
                and entered.stays_until > changes.changed_at
        where
            {{ in_tick('changes.changed_at') }}
            and changes.segment = '{{ segment }}'
            and changes.change in ('left', 'ruled out')
    ) as left_segment
{%- endmacro %}
