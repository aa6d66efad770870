{{ config(materialized='incremental', event_time='changed_at') }}

-- Which definition each segment follows: noted in the first tick that knows of it, in which everybody is looked at anew.
with registered as (
    select *
    from (
        values
        {%- for segment in var('segments') %}
        ('{{ segment }}', {{ segment_definition(segment) }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as segments (segment, definition)
)

{% if is_incremental() -%}
, last_known as (
    select
        segment,
        definition
    from {{ this }}
    where changed_at < {{ tick_start() }}
    qualify row_number() over (partition by segment order by changed_at desc) = 1
)
{%- endif %}

select
    registered.segment,
    registered.definition,
    {{ tick_start() }} as changed_at
from registered
{% if is_incremental() -%}
left join last_known on registered.segment = last_known.segment
{% endif -%}
where
    -- a build of empty tables has no window
    {{ tick_start() }} is not null
    {%- if is_incremental() %}
    and registered.definition is distinct from last_known.definition
    {%- endif %}
