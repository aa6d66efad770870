-- Everybody who left a workflow in this tick, and why.
{{ config(event_time='exited_at') }}

{% for workflow in var('workflows') | sort -%}
select
    '{{ workflow }}' as workflow,
    enrollment_id,
    exited_at,
    reason,
    conversion_id,
    revenue
from {{ ref(workflow ~ '__exited') }}
where {{ in_tick('exited_at') }}
{{ 'union all' if not loop.last }}
{% endfor %}
