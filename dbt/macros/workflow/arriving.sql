{#- The arrivals among rows that carry the time at which each would arrive: those that fall into this tick, of people who have
    not left before. Shared by every way of waiting. -#}
{% macro arriving(leaving, arrives_at, exits) -%}
    select
            {{ columns_except(leaving, ['reached_at', 'branch', 'action', 'tick_end', 'definition_version', arrives_at]) }},
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
{%- endmacro %}
