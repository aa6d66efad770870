{#- The arrivals among rows that carry the time at which each would arrive: those that fall into this tick, of people who have
    not left before. Shared by every way of waiting. -#}
{% macro arriving(leaving, arrives_at, exits) -%}
    select
            {{ columns_except(leaving, [
                'reached_at', 'branch', 'action', 'holdout_share', 'step_assignment', 'tick_end', 'definition_version', arrives_at
            ]) }},
            {{ arrives_at }} as reached_at,
            {{ definition_version() }} as definition_version,
            {{ tick_end() }} as tick_end
        from {{ leaving }}
        where
            {{ in_tick(arrives_at) }}
            {%- if exits is not none %}
            and not exists (
                select 1
                from {{ exits }} as exits
                where
                    exits.enrollment_id = {{ leaving }}.enrollment_id
                    and exits.exited_at <= {{ leaving }}.{{ arrives_at }}
                    -- nobody stays longer than the longest path, so that older exits need not be read
                    and exits.exited_at >= {{ tick_start() }} - interval '{{ registered_workflow(workflow_name())["longest_path"] }}'
            )
            {%- endif %}
            {%- if follows_changes() %}
            -- whose wait has become longer since may have been here already
            and {{ leaving }}.enrollment_id not in (
                select earlier.enrollment_id
                from {{ this }} as earlier
                where
                    earlier.reached_at >= {{ tick_start() }} - interval '{{ registered_workflow(workflow_name())["longest_path"] }}'
                    and earlier.reached_at < {{ tick_start() }}
                    and earlier.enrollment_id in (
                        select enrollment_id
                        from {{ leaving }}
                        where definition_version <> {{ definition_version() }}
                    )
            )
            {%- endif %}
{%- endmacro %}
