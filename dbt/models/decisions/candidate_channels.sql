{{ config(materialized='table') }}

-- Each candidate on each channel that it may take, with the first of the gates that look at it alone, if one stops it:
-- global holdout, erasure, consent, reachability, exit, expiry, suppression, quiet hours, in this order.
with options as (
    select
        action_id,
        enrollment_id,
        contact_id,
        kind,
        topic,
        topic_kind,
        if_held,
        priority,
        due_at,
        expires_at,
        workflow_state,
        unnest(channels) as channel,
        generate_subscripts(channels, 1) as channel_rank
    from {{ ref('candidates') }}
    where tick_end = {{ tick_end() }}
),

standing as (
    select
        channel,
        topic,
        {{ standing_channel('channel', 'topic') }} as standing_channel
    from options
    group by channel, topic
),

exited as (
    select
        enrollment_id,
        {{ first_by('reason', '(exited_at, reason)') }} as reason
    from {{ ref('exits') }}
    where
        exited_at < {{ tick_end() }}
        and exited_at >= {{ tick_start() }} - interval '{{ var("longest_stay") }}'
        and enrollment_id in (select enrollment_id from options)
    group by enrollment_id
),

-- a contact of whom a warehouse has noted no draw yet is drawn by the share of now
held_out as (
    select
        contact_id,
        assignment = 'holdout' as is_held_out
    from {{ ref('global_assignments') }}
    where contact_id in (select contact_id from options)
),

-- quiet hours are the same for all who live in a zone; an unknown zone is taken for the account's
zones as (
    select
        told.timezone as told_timezone,
        known.timezone,
        channels.channel,
        channels.quiet_from,
        channels.quiet_to,
        {{ to_local_time(tick_end(), 'known.timezone') }} as local_now
    from (select distinct timezone from {{ ref('candidate_eligibility') }}) as told
    left join {{ ref('profile_timezones') }} as known on told.timezone = known.timezone
    cross join {{ ref('channels') }} as channels
),

local_quiet as (
    select
        *,
        {{ quiet_until('local_now', 'quiet_from', 'quiet_to') }} as local_end,
        {{ quiet_begins('local_now', 'quiet_from', 'quiet_to') }} as next_local_begin
    from zones
),

next_local_quiet as (
    select
        *,
        {{ quiet_until('next_local_begin', 'quiet_from', 'quiet_to') }} as next_local_end
    from local_quiet
),

quiet as (
    select
        channel,
        told_timezone,
        {{ from_local_time('local_end', 'timezone') }} as quiet_until,
        {{ from_local_time('next_local_begin', 'timezone') }} as quiet_begins_at,
        {{ from_local_time('next_local_end', 'timezone') }} as next_quiet_until
    from next_local_quiet
),

asked as (
    select
        options.*,
        options.kind = 'send' and options.topic_kind <> 'transactional' as is_promotional,
        options.kind = 'send' as is_message,
        -- an ad reaches people, too
        options.kind in ('send', 'join_audience') and options.topic_kind <> 'transactional' as is_marketing,
        coalesce(eligibility.is_erased, false) as is_erased,
        -- of whom nothing is known cannot have refused what needs no consent, but has no address either
        coalesce(eligibility.is_consented, options.topic_kind = 'transactional') as is_consented,
        coalesce(eligibility.has_objected, false) as has_objected,
        coalesce(eligibility.is_reachable, false) as is_reachable,
        coalesce(eligibility.unreachable_reason, 'no address') as unreachable_reason,
        eligibility.suppressed_until,
        eligibility.suppression_reason,
        case when options.workflow_state = 'retired' then 'workflow retired' else exited.reason end as exit_reason,
        coalesce(held_out.is_held_out, {{ global_draw('options.contact_id') }} < {{ var('global_holdout') }}) as is_held_out,
        quiet.quiet_until,
        quiet.quiet_begins_at,
        quiet.next_quiet_until
    from options
    inner join standing on options.channel = standing.channel and options.topic = standing.topic
    left join {{ ref('candidate_eligibility') }} as eligibility
        on
            options.contact_id = eligibility.contact_id
            and standing.standing_channel = eligibility.channel
            and options.topic = eligibility.topic
    left join quiet
        on
            eligibility.channel = quiet.channel
            and eligibility.timezone is not distinct from quiet.told_timezone
    left join exited on options.enrollment_id = exited.enrollment_id
    left join held_out on options.contact_id = held_out.contact_id
),

-- all but the global holdout, which comes first
looked_at as (
    select
        *,
        case
            -- who is to be forgotten has to be taken out of what others show them
            when is_erased and kind <> 'leave_audience' then 'erased'
            when (is_message or is_marketing) and not is_consented then 'no consent'
            when is_message and not is_reachable then 'unreachable'
            when exit_reason is not null then 'exited'
            when expires_at <= {{ tick_end() }} then 'expired'
            when workflow_state = 'broken' then 'workflow broken'
            when is_promotional and suppressed_until > {{ tick_end() }} then 'suppressed'
            when is_promotional and quiet_until is not null then 'quiet hours'
        end as gate_otherwise
    from asked
),

gated as (
    select
        *,
        case when is_marketing and is_held_out then 'global holdout' else gate_otherwise end as gate
    from looked_at
)

select
    action_id,
    contact_id,
    channel,
    channel_rank,
    topic,
    is_promotional,
    is_message,
    if_held,
    priority,
    due_at,
    expires_at,
    gate,
    case when gate = 'global holdout' then coalesce(gate_otherwise, 'none') end as gate_otherwise,
    case gate
        when 'global holdout' then 'in the global holdout'
        when 'erased' then 'asked to be forgotten'
        when 'no consent' then concat(
            case when has_objected then 'the address has refused ' else 'has not agreed to ' end, topic, ' by ', channel
        )
        when 'unreachable' then concat('cannot be reached by ', channel, ': ', unreachable_reason)
        when 'exited' then concat('left the workflow: ', exit_reason)
        when 'expired' then 'too late to be sent'
        when 'workflow broken' then 'who has left is not known while the workflow is broken'
        when 'suppressed' then suppression_reason
        when 'quiet hours' then 'quiet hours where the contact lives'
    end as reason,
    case gate
        when 'workflow broken' then {{ tick_end() }}
        when 'suppressed' then suppressed_until
        when 'quiet hours' then quiet_until
    end as held_until,
    case when is_promotional then quiet_begins_at end as quiet_begins_at,
    case when is_promotional then next_quiet_until end as next_quiet_until
from gated
