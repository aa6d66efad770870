{{ config(materialized='view') }}

-- Who was drawn for which variant, and what they did in time: the people whom experiment_results counts.
-- what it asks where the registry names any experiment
-- depends_on: {{ ref('arrivals') }}
-- depends_on: {{ ref('decisions') }}
-- depends_on: {{ ref('exits') }}
-- depends_on: {{ ref('events') }}
-- depends_on: {{ ref('contact_merges') }}
-- depends_on: {{ ref('ticks') }}
-- depends_on: {{ ref('orders') }}
{% if var('experiments') -%}
with {{ experiment_counts("(select max(ticks.tick_end) from " ~ ref('ticks') ~ " as ticks)") }},

experiments as (
    select distinct
        experiment,
        workflow,
        step,
        currency
    from settings
)

select
    outcomes.experiment,
    experiments.workflow,
    experiments.step,
    outcomes.variant,
    cast(outcomes.reached_at as date) as day,
    outcomes.reached_at,
    outcomes.contact_id,
    outcomes.enrollment_id,
    outcomes.converted = 1 as has_converted,
    outcomes.revenue,
    experiments.currency,
    outcomes.unsubscribed = 1 as has_unsubscribed,
    outcomes.complained = 1 as has_complained
from outcomes
inner join experiments on outcomes.experiment = experiments.experiment
{%- else -%}
select
    cast(null as varchar) as experiment,
    cast(null as varchar) as workflow,
    cast(null as varchar) as step,
    cast(null as varchar) as variant,
    cast(null as date) as day,
    cast(null as timestamp) as reached_at,
    cast(null as bigint) as contact_id,
    cast(null as bigint) as enrollment_id,
    cast(null as boolean) as has_converted,
    cast(null as double) as revenue,
    cast(null as varchar) as currency,
    cast(null as boolean) as has_unsubscribed,
    cast(null as boolean) as has_complained
where false
{%- endif %}
