{{ config(event_time='known_at', access='protected') }}

-- What each message met with, the first time of each kind. Who opens a message five times has opened it.
with reported as (
    select
        {{ action_of_event('properties') }} as action_id,
        {{ engagement_kind('event', 'properties') }} as kind,
        occurred_at,
        effective_at as known_at
    from {{ ref('events') }}
    where {{ in_tick('effective_at') }}
),

first_reports as (
    select
        action_id,
        kind,
        min(known_at) as known_at,
        {{ first_by('occurred_at', '(known_at, occurred_at)') }} as occurred_at
    from reported
    where action_id is not null and kind is not null
    group by action_id, kind
),

messages as (
    select *
    from {{ ref('decisions') }}
    where
        outcome = 'send'
        and kind = 'send'
        and tick_end > {{ tick_start() }} - interval '{{ var("engagement_period") }}'
        and action_id in (select action_id from first_reports)
)

select
    messages.action_id,
    first_reports.kind,
    messages.contact_id,
    messages.enrollment_id,
    messages.workflow,
    messages.step,
    messages.variant,
    messages.channel,
    messages.topic,
    first_reports.occurred_at,
    first_reports.known_at
from first_reports
inner join messages
    on
        first_reports.action_id = messages.action_id
        -- asked of each row, because the tick's own look back is longer in a longer tick
        and first_reports.known_at < messages.tick_end + interval '{{ var("engagement_period") }}'
{%- if is_incremental() %}
left join {{ this }} as earlier
    on
        first_reports.action_id = earlier.action_id
        and first_reports.kind = earlier.kind
        and earlier.known_at < {{ tick_start() }}
        and earlier.known_at >= {{ tick_start() }} - interval '{{ var("engagement_period") }}'
where earlier.action_id is null
{%- endif %}
