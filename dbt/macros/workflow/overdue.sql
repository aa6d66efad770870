{#- Who would have reached this step by now, had its wait always been what it is: in the first tick of a changed workflow, whose
    wait became shorter meanwhile. They arrive at the start of the tick. Whom the step is new to have gone another way, and
    stay there, unless the step asks for those who came to `previous` from finished_since on. `due_at` is the end of the wait, over
    the columns of `previous`; `columns` are those wanted of it. -#}
{% macro overdue(previous, due_at, branch, columns='previous.*', finished_since=none) -%}
    {%- set workflow = workflow_name() -%}
    select
                previous.*,
                {{ tick_start() }} as arrives_at
            from (
                select {{ columns }}
                from {{ previous }} as previous
                where
                    previous.assignment = 'treated'
                    and previous.reached_at >= {{ tick_start() }} - interval '{{ registered_workflow(workflow)["longest_path"] }}'
                    and previous.reached_at < {{ tick_start() }}
                    {%- if branch %}
                    and previous.branch = '{{ branch }}'
                    {%- endif %}
            ) as previous
            inner join {{ ref('step_changes') }} as changes
                on
                    {{ in_tick('changes.changed_at') }}
                    and changes.workflow = '{{ workflow }}'
                    and changes.step = '{{ step_name() }}'
                    {%- if finished_since %}
                    -- once, in the first tick of the step
                    and previous.reached_at >= case
                        when changes.changed_at = changes.known_since then timestamp '{{ finished_since }}' else changes.known_since
                    end
                    {%- else %}
                    and previous.reached_at >= changes.known_since
                    {%- endif %}
            -- asked of those only whose step has changed: what the clocks of a zone show is dear to work out
            where case when changes.step is not null then {{ due_at }} < {{ tick_start() }} end
{%- endmacro %}
