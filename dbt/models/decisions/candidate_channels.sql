{{ config(materialized='table') }}

-- Each candidate on each channel that it may take, with the first of the gates that look at it alone, if one stops it:
-- global holdout, erasure, consent, reachability, exit, expiry, suppression, quiet hours, in this order.
with options as (
    select
        candidates.*,
        unnest(candidates.channels) as channel,
        generate_subscripts(candidates.channels, 1) as channel_rank
    from {{ ref('candidates') }} as candidates
    where tick_end = {{ tick_end() }}
),

eligibility_now as (
    select
        contact_id,
        channel,
        topic,
        address,
        is_reachable,
        unreachable_reason,
        is_consented,
        is_erased,
        suppressed_until,
        suppression_reason,
        timezone,
        locale
    from {{ ref('eligibility_changes') }} as changes
    where
        tick_end <= {{ tick_end() }}
        and contact_id in (select contact_id from options)
    qualify row_number() over (partition by contact_id, channel, topic order by changes.tick_end desc) = 1
),

exited as (
    select
        enrollment_id,
        min_by(reason, exited_at) as reason
    from {{ ref('exits') }}
    where
        exited_at < {{ tick_end() }}
        and exited_at >= {{ tick_start() }} - interval '{{ var("longest_stay") }}'
        and enrollment_id in (select enrollment_id from options)
    group by enrollment_id
),

asked as (
    select
        options.action_id,
        options.contact_id,
        options.channel,
        options.channel_rank,
        options.kind,
        options.topic_kind,
        options.topic,
        options.if_held,
        options.priority,
        options.due_at,
        options.expires_at,
        options.kind = 'send' and options.topic_kind = 'promotional' as is_promotional,
        options.kind = 'send' as is_message,
        coalesce(eligibility.is_erased, false) as is_erased,
        coalesce(eligibility.is_consented, false) as is_consented,
        coalesce(eligibility.is_reachable, false) as is_reachable,
        coalesce(eligibility.unreachable_reason, 'no address') as unreachable_reason,
        eligibility.suppressed_until,
        eligibility.suppression_reason,
        exited.reason as exit_reason,
        {{ salted_share(["'global holdout'", 'options.contact_id']) }} < {{ var('global_holdout') }} as is_held_out,
        {{ quiet_until(tick_end(), 'eligibility.timezone', 'channels.quiet_from', 'channels.quiet_to') }} as quiet_until
    from options
    left join {{ ref('channels') }} as channels on options.channel = channels.channel
    left join eligibility_now as eligibility
        on
            options.contact_id = eligibility.contact_id
            and options.channel = eligibility.channel
            and options.topic = eligibility.topic
    left join exited on options.enrollment_id = exited.enrollment_id
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
    case
        when is_promotional and is_held_out then 'global holdout'
        when is_erased then 'erased'
        when is_message and not is_consented then 'no consent'
        when is_message and not is_reachable then 'unreachable'
        when exit_reason is not null then 'exited'
        when expires_at <= {{ tick_end() }} then 'expired'
        when is_promotional and suppressed_until > {{ tick_end() }} then 'suppressed'
        when is_promotional and quiet_until is not null then 'quiet hours'
    end as gate,
    case
        when is_promotional and is_held_out then 'in the global holdout'
        when is_erased then 'asked to be forgotten'
        when is_message and not is_consented then concat('has not agreed to ', topic, ' by ', channel)
        when is_message and not is_reachable then concat('cannot be reached by ', channel, ': ', unreachable_reason)
        when exit_reason is not null then concat('left the workflow: ', exit_reason)
        when expires_at <= {{ tick_end() }} then 'too late to be sent'
        when is_promotional and suppressed_until > {{ tick_end() }} then suppression_reason
        when is_promotional and quiet_until is not null then 'quiet hours where the contact lives'
    end as reason,
    case
        when is_promotional and suppressed_until > {{ tick_end() }} then suppressed_until
        when is_promotional and quiet_until is not null then quiet_until
    end as held_until
from asked
