{{ config(event_time='effective_at') }}

-- The days on which contacts did something, so that nobody has to go through every page view again.
with first_of_day as (
    select
        events.contact_id,
        cast(events.occurred_at as date) as active_on,
        coalesce(kinds.kind, 'site') as kind,
        events.occurred_at,
        events.effective_at
    from {{ ref('events') }} as events
    left join {{ ref('profile_activity_kinds') }} as kinds on events.event = kinds.event
    where
        {{ in_tick('events.effective_at') }}
        and events.contact_id is not null
        and events.type in ('track', 'page', 'screen')
        and coalesce(kinds.kind, 'site') <> 'none'
    qualify row_number() over (
        partition by events.contact_id, active_on, coalesce(kinds.kind, 'site')
        order by events.effective_at, events.occurred_at
    ) = 1
)

select
    contact_id,
    active_on,
    kind,
    occurred_at,
    effective_at
from first_of_day
{%- if is_incremental() %}
where not exists (
    select 1
    from {{ this }} as earlier
    where
        earlier.contact_id = first_of_day.contact_id
        and earlier.active_on = first_of_day.active_on
        and earlier.kind = first_of_day.kind
        and earlier.effective_at < {{ tick_start() }}
)
{%- endif %}
order by effective_at, contact_id, kind
