{#- Who did not come to `previous` before this step was added behind it, with nothing else to follow: they had finished. Renaming a
    step, or putting one in between, ends nobody's way: what followed before the step was known, also if it is gone, is known too.
    `finished_since` is the day from which on the step asks for them all the same. -#}
{% macro had_not_finished(previous, finished_since=none) -%}
    {%- set workflow = workflow_name() -%}
    {%- set steps = registered_workflow(workflow)['steps'] -%}
    {%- set passed = [] -%}
    {%- for step in steps if previous.identifier == workflow ~ '__' ~ step -%}
        {%- do passed.extend(steps[:steps.index(step) + 1] + [step_name()]) -%}
    {%- endfor -%}
    previous.reached_at >= (
                    select
                        case
                            when
                                min(known_since) filter (step = '{{ step_name() }}') > min(known_since)
                                and min(known_since) filter (step = '{{ step_name() }}')
                                <= coalesce(
                                    min(known_since) filter (step not in ('{{ passed | join("', '") }}')),
                                    timestamp '9999-12-31'
                                )
                                then {% if finished_since %}least(timestamp '{{ finished_since }}', max(known_since) filter (step = '{{ step_name() }}'))
                                {%- else %}max(known_since) filter (step = '{{ step_name() }}')
                                {%- endif %}
                            else timestamp '0001-01-01'
                        end
                    from {{ ref('step_changes') }}
                    where workflow = '{{ workflow }}' and changed_at < {{ tick_end() }}
                )
{%- endmacro %}
