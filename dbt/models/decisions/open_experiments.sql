{{ config(materialized='table') }}

-- The experiments of which no earlier tick has said how they end: on the others there is nothing left to decide.
-- what it asks where the registry names any experiment
-- depends_on: {{ source('past', 'experiment_decisions') }}
{% if var('experiments') -%}
with registered as (
    select *
    from (
        values
        {%- for name in var('experiments') %}
        ('{{ name }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as experiments (experiment)
)

select registered.experiment
from registered
where
    registered.experiment not in (
        select decided.experiment
        from {{ source('past', 'experiment_decisions') }} as decided
        where decided.outcome in ('winner', 'no winner') and decided.tick_end <= {{ tick_start() }}
    )
{%- else -%}
{{ no_rows({'experiment': 'varchar'}) }}
{%- endif %}
