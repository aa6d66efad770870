{{ config(materialized='view') }}

-- How experiments stand: each variant beside the first, as of the last tick.
-- what it asks where the registry names any experiment
-- depends_on: {{ ref('arrivals') }}
-- depends_on: {{ ref('decisions') }}
-- depends_on: {{ ref('exits') }}
-- depends_on: {{ ref('events') }}
-- depends_on: {{ ref('contact_merges') }}
-- depends_on: {{ ref('orders') }}
-- depends_on: {{ ref('ticks') }}
-- depends_on: {{ ref('experiment_decisions') }}
{% if var('experiments') -%}
with {{ experiment_counts(last_tick_end()) }},

{{ experiment_verdicts('counted', ['experiment']) }},

decided as (
    select
        experiment,
        min(variant) filter (outcome = 'winner') as winner,
        min(variant) filter (outcome = 'no winner') as kept,
        list(variant) filter (outcome = 'stopped') as stopped,
        max(tick_end) as decided_at
    from {{ ref('experiment_decisions') }}
    group by experiment
)

select
    judged.experiment,
    judged.workflow,
    judged.step,
    judged.variant,
    judged.metric,
    judged.currency,
    judged.contacts,
    judged.conversions,
    judged.revenue,
    judged.mean,
    compared.difference as lift,
    compared.difference - compared.margin as lift_low,
    compared.difference + compared.margin as lift_high,
    compared.p as always_valid_p,
    judged.unsubscribed,
    judged.complained,
    cast(judged.minimum_sample as bigint) as minimum_sample,
    case
        when decided.winner = judged.variant then 'won'
        when decided.kept = judged.variant then 'kept'
        when list_contains(decided.stopped, judged.variant) then 'stopped'
        when decided.winner is not null or decided.kept is not null then 'lost'
        when judged.contacts < judged.minimum_sample then 'too few'
        else 'open'
    end as state,
    decided.decided_at,
    {{ last_tick_end() }} as as_of
from judged
left join compared
    on judged.experiment = compared.experiment and judged.variant = compared.variant and compared.other_place = 1
left join decided on judged.experiment = decided.experiment
{%- else -%}
{{ no_rows({
    'experiment': 'varchar',
    'workflow': 'varchar',
    'step': 'varchar',
    'variant': 'varchar',
    'metric': 'varchar',
    'currency': 'varchar',
    'contacts': 'bigint',
    'conversions': 'bigint',
    'revenue': 'double',
    'mean': 'double',
    'lift': 'double',
    'lift_low': 'double',
    'lift_high': 'double',
    'always_valid_p': 'double',
    'unsubscribed': 'bigint',
    'complained': 'bigint',
    'minimum_sample': 'bigint',
    'state': 'varchar',
    'decided_at': 'timestamp',
    'as_of': 'timestamp',
}) }}
{%- endif %}
