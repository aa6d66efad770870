{{ config(event_time='effective_at', group='lifecycle_marketing') }}

-- Who has come into an audience of an ad platform, and who has left it, as the platform answered. Those of whom nobody
-- knows whether they came in are taken to be in.
with settled as (
    select
        action_id,
        status,
        provider_message_id,
        effective_at
    from {{ ref('stg_outcomes') }}
    where
        {{ in_tick('effective_at') }}
        and channel = 'audience'
        and status <> 'rejected'
),

decided as (
    select
        action_id,
        contact_id,
        kind,
        context ->> '$.audience' as audience
    from {{ source('past', 'decisions') }}
    where
        tick_end > {{ tick_start() }} - interval '{{ var("longest_deferral") }}'
        and tick_end <= {{ tick_start() }}
        and outcome = 'send'
        and kind in ('join_audience', 'leave_audience')
        and action_id in (select action_id from settled)
)

select
    decided.action_id,
    decided.contact_id,
    decided.audience,
    case
        when decided.kind = 'join_audience' then 'joined'
        when settled.status = 'accepted' then 'left'
        else 'not left'
    end as change,
    case when decided.kind = 'join_audience' then settled.provider_message_id end as known_as,
    settled.effective_at,
    {{ tick_end() }} as tick_end
from settled
inner join decided on settled.action_id = decided.action_id
where decided.kind = 'leave_audience' or settled.status in ('accepted', 'unknown')
