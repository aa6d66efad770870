{{ config(event_time='changed_at', group='engine') }}

-- A workflow that is registered as live goes live with the first tick that knows it: nobody from before enters.
with registered as (
    select *
    from (
        values
        {%- for workflow, settings in var('workflows').items() %}
        ('{{ workflow }}', {{ settings.status == 'live' }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as workflows (workflow, is_live)
)

{% if is_incremental() -%}
, last_known as (
    select
        workflow,
        is_live
    from {{ this }}
    where changed_at < {{ tick_start() }}
    qualify row_number() over (partition by workflow order by changed_at desc) = 1
)
{%- endif %}

select
    registered.workflow,
    registered.is_live,
    {{ tick_start() }} as changed_at
from registered
{% if is_incremental() -%}
left join last_known on registered.workflow = last_known.workflow
{% endif -%}
where
    -- a build of empty tables has no window
    {{ tick_start() }} is not null
    {%- if is_incremental() %}
    and registered.is_live is distinct from last_known.is_live
    {%- endif %}
