{#- A CTE `left_before`: when those enrollments of the workflow at hand that precede an entry were over, as far as earlier ticks
    know: they left, reached the last step, or came to the end of the longest path. Exits and steps are read as tables, because
    they come after the entries, and a step back in time is no dependency within the tick. -#}
{% macro left_before_tick(preceded) -%}
    {%- do config(meta={'looks_at_ticks': true}) -%}
    {%- set workflow = workflow_name() -%}
    {%- set settings = registered_workflow(workflow) -%}
    {%- set since -%}
        {{ tick_start() }} - interval '{{ settings.longest_path }}'
    {%- endset -%}
    left_before as (
            select
                earlier_enrollment_id as enrollment_id,
                earlier_at + interval '{{ settings.longest_path }}' as left_at
            from {{ preceded }}
            {%- for step, time in [('exited', 'exited_at'), (settings.steps[-1], 'reached_at')] if step != 'entered' %}
            {%- set table = this.incorporate(path={'identifier': workflow ~ '__' ~ step}) %}
            {%- if execute and load_relation(table) is not none %}
            union all
            select
                enrollment_id,
                {{ time }} as left_at
            from {{ table }}
            where
                {{ time }} >= {{ since }}
                and {{ time }} < {{ tick_start() }}
                and enrollment_id in (select earlier_enrollment_id from {{ preceded }})
            {%- endif %}
            {%- endfor %}
        )
{%- endmacro %}
