-- What this tick decides of experiments: a winner, that there is none, or that a variant may not go on. What was decided stays.
-- what it asks where the registry names any experiment
-- depends_on: {{ ref('arrivals') }}
-- depends_on: {{ ref('decisions') }}
-- depends_on: {{ ref('exits') }}
-- depends_on: {{ ref('events') }}
-- depends_on: {{ ref('contact_merges') }}
-- depends_on: {{ ref('orders') }}
-- depends_on: {{ ref('open_experiments') }}
{% if var('experiments') -%}
with {{ experiment_counts(tick_end(), since=tick_start()) }},

{{ experiment_verdicts('counted', ['experiment']) }},

decided as (
    select
        judged.experiment,
        case
            when bool_or(judged.has_won) then 'winner'
            else 'no winner'
        end as outcome,
        coalesce(
            min(verdicts.winner), min(verdicts.first_left), {{ first_by('judged.variant', 'judged.place') }}
        ) as variant
    from judged
    inner join verdicts on judged.experiment = verdicts.experiment
    group by judged.experiment
    having bool_or(judged.has_won) or bool_or(coalesce(judged.is_over, false)) or bool_and(judged.is_vetoed)
    union all
    select
        experiment,
        'stopped' as outcome,
        variant
    from judged
    where is_vetoed
)

select
    decided.experiment,
    decided.variant,
    decided.outcome,
    judged.contacts,
    judged.mean,
    {{ tick_end() }} as tick_end
from decided
inner join judged on decided.experiment = judged.experiment and decided.variant = judged.variant
inner join {{ ref('open_experiments') }} as open_experiments on decided.experiment = open_experiments.experiment
where
    -- one that was stopped may still be what stays, where all of them were
    not exists (
        select 1
        from {{ source('past', 'experiment_decisions') }} as earlier
        where
            earlier.experiment = decided.experiment
            and earlier.variant = decided.variant
            and earlier.outcome = decided.outcome
            and earlier.tick_end <= {{ tick_start() }}
    )
    -- nothing is to be seen that was not seen before, unless somebody's time to act has ended, or the experiment's own
    and exists (
        {%- for name in var('experiments') %}
        {%- set settings = registered_experiment(name) %}
        {%- for period in [settings.within, settings.longest] %}
        select 1
        from {{ ref('arrivals') }} as arrivals
        inner join {{ ref('open_experiments') }} as of_it on of_it.experiment = '{{ name }}'
        where
            {{ in_tick('arrivals.reached_at', after=period) }}
            and arrivals.workflow = '{{ settings.workflow }}'
            and arrivals.step = '{{ settings.step }}'
        {{- '\n        union all' if not loop.last }}
        {%- endfor %}
        {{- '\n        union all' if not loop.last }}
        {%- endfor %}
    )
{%- else -%}
{{ no_rows({
    'experiment': 'varchar',
    'variant': 'varchar',
    'outcome': 'varchar',
    'contacts': 'bigint',
    'mean': 'double',
    'tick_end': 'timestamp',
}) }}
{%- endif %}
