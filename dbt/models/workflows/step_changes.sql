{{ config(event_time='changed_at', group='engine', meta={'is_of_project': true}) }}

-- Which definition of its workflow each step follows: noted in the first tick that knows of it.
with registered as (
    select *
    from (
        values
        {%- for step in all_steps() %}
        ('{{ step.workflow }}', '{{ step.step }}', {{ definition_version(step.workflow) }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as steps (workflow, step, definition_version)
)

{% if is_incremental() -%}
, known as (
    select
        workflow,
        step,
        {{ last_by('definition_version', 'changed_at') }} as definition_version,
        min(known_since) as known_since
    from {{ this }}
    where changed_at < {{ tick_start() }}
    group by workflow, step
)
{%- endif %}

select
    registered.workflow,
    registered.step,
    registered.definition_version,
    {%- if is_incremental() %}
    coalesce(known.known_since, {{ tick_start() }}) as known_since,
    {%- else %}
    {{ tick_start() }} as known_since,
    {%- endif %}
    {{ tick_start() }} as changed_at
from registered
{% if is_incremental() -%}
left join known on registered.workflow = known.workflow and registered.step = known.step
{% endif -%}
where
    -- a build of empty tables has no window
    {{ tick_start() }} is not null
    {%- if is_incremental() %}
    and registered.definition_version is distinct from known.definition_version
    {%- endif %}
