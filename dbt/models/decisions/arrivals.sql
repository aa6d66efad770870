-- Every step that anybody reached in this tick.
with reached as (
    -- these columns are there even if no step branches, or holds anybody out
    select
        cast(null as varchar) as branch,
        cast(null as double) as holdout_share,
        cast(null as varchar) as step_assignment
    where false
    union all by name
    {%- for step in all_steps() %}
    select
        '{{ step.workflow }}' as workflow,
        '{{ step.step }}' as step,
        {{ columns_among(ref(step.name), [
            'enrollment_id', 'contact_id', 'reached_at', 'branch', 'assignment', 'holdout_share', 'step_assignment',
            'definition_version', 'tick_end'
        ]) }}
    from {{ ref(step.name) }}
    where tick_end = {{ tick_end() }}
    {{- '\n    union all by name' if not loop.last }}
    {%- endfor %}
)

select
    enrollment_id,
    contact_id,
    workflow,
    step,
    branch,
    assignment,
    holdout_share,
    step_assignment,
    definition_version,
    reached_at,
    tick_end
from reached
where workflow not in ({{ workflows_that_broke() }})
