{{ config(materialized='view') }}

-- Everybody who has left a workflow, and why. A view: a workflow that catches up adds exits of ticks that are over.
{% for workflow in var('workflows') | sort -%}
select
    '{{ workflow }}' as workflow,
    enrollment_id,
    exited_at,
    reason,
    conversion_id,
    revenue
from {{ ref(workflow ~ '__exited') }}
{{ 'union all' if not loop.last }}
{% endfor %}
