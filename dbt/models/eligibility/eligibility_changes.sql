{%- set content = [
    'address', 'unreachable_reason', 'is_consented', 'stated_at', 'suppressed_until', 'suppression_reason', 'timezone', 'locale',
    'is_erased', 'has_something_to_say'
] %}

-- Whether a contact may be written to by a channel about a topic, once for each tick in which that changed. A contact
-- without an address who has stated nothing has no row. Channels that reach the contact itself answer alike, and have one row
-- together, while the contact has stated nothing by one of them alone.
with reaching_themselves as (
    select list(channel) as channels
    from {{ ref('channels') }}
    where address_type = 'contact'
),

told_of as (
    select
        channel,
        address_type,
        false as is_for_all
    from {{ ref('channels') }}

    union all

    select distinct
        {{ every_channel_to('contact') }} as channel,
        address_type,
        true as is_for_all
    from {{ ref('channels') }}
    where address_type = 'contact'
),

-- how a contact stands at the end of the tick, and how it stood before
moments as (
    select
        contact_id,
        max(valid_from) filter (where valid_from >= {{ tick_start() }}) as now_from,
        max(valid_from) filter (where valid_from < {{ tick_start() }}) as before_from
    from {{ ref('changed_profiles') }}
    group by contact_id
),

standings as (
    select
        profiles.*,
        moments.before_from is not null as is_known,
        list_bool_or([
            list_contains(reaching_themselves.channels, statement['channel']) for statement in profiles.consents
        ]) as has_singled_out,
        {{ content_hash([
            'email', 'phone', 'properties', 'timezone', 'locale', 'consents', 'last_order_at', 'is_hard_bounced',
            'lost_addresses', 'has_complained', 'is_erased', 'merged_into_contact_id'
        ], 'profiles') }} as content_hash
    from {{ ref('changed_profiles') }} as profiles
    inner join moments
        on profiles.contact_id = moments.contact_id and profiles.valid_from in (moments.now_from, moments.before_from)
    cross join reaching_themselves
),

-- who only visited us may be written to as before
concerned as (
    select
        contact_id,
        coalesce(bool_or(has_singled_out), false) as has_singled_out
    from standings
    group by contact_id
    -- a segment that is defined anew looks at everybody, too
    having not bool_and(is_known) or min(content_hash) <> max(content_hash)
),

changed as (
    select
        standings.* exclude (has_singled_out),
        concerned.has_singled_out,
        try_cast({{ property('suppressed_since', of='standings.properties') }} as timestamp) as suppressed_since
    from standings
    inner join concerned on standings.contact_id = concerned.contact_id
),

now as (
    select *
    from changed
    where valid_from >= {{ tick_start() }}
),

before_tick as (
    select *
    from changed
    where valid_from < {{ tick_start() }}
)

select
    answered.contact_id,
    answered.channel,
    answered.topic,
    answered.address,
    answered.unreachable_reason is null as is_reachable,
    answered.unreachable_reason,
    answered.is_consented,
    answered.stated_at,
    answered.suppressed_until,
    answered.suppression_reason,
    answered.timezone,
    answered.locale,
    answered.is_erased,
    {{ tick_end() }} as tick_end
from {{ channel_answers('now', 'told_of') }} as answered
left join {{ channel_answers('before_tick', 'told_of') }} as before
    on
        answered.contact_id = before.contact_id
        and answered.channel = before.channel
        and answered.topic = before.topic
where
    (
        before.contact_id is null
        or row(answered.{{ content | join(', answered.') }}) is distinct from row(before.{{ content | join(', before.') }})
    )
    and (answered.has_something_to_say or coalesce(before.has_something_to_say, false))
