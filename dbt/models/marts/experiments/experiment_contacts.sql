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
with {{ experiment_counts(last_tick_end()) }},

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
{{ no_rows({
    'experiment': 'varchar',
    'workflow': 'varchar',
    'step': 'varchar',
    'variant': 'varchar',
    'day': 'date',
    'reached_at': 'timestamp',
    'contact_id': 'bigint',
    'enrollment_id': 'bigint',
    'has_converted': 'boolean',
    'revenue': 'double',
    'currency': 'varchar',
    'has_unsubscribed': 'boolean',
    'has_complained': 'boolean',
}) }}
{%- endif %}
