-- Exits are looked back for no further than a workflow's longest path: the steps must not lead anybody beyond it.
with longest_paths as (
    {%- for workflow, settings in var('workflows') | dictsort %}
    select
        '{{ workflow }}' as workflow,
        interval '{{ settings.longest_path }}' as longest_path
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

arrivals as (
    select
        workflow,
        enrollment_id,
        step,
        reached_at,
        min(reached_at) over (partition by enrollment_id) as entered_at
    from {{ ref('arrivals') }}
)

select
    arrivals.workflow,
    arrivals.enrollment_id,
    arrivals.step,
    arrivals.entered_at,
    arrivals.reached_at
from arrivals
inner join longest_paths on arrivals.workflow = longest_paths.workflow
where arrivals.reached_at > arrivals.entered_at + longest_paths.longest_path
