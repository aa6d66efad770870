{%- set content = [
    'address', 'unreachable_reason', 'is_consented', 'stated_at', 'suppressed_until', 'suppression_reason', 'timezone', 'locale',
    'is_erased', 'has_something_to_say'
] %}

-- Whether a contact may be written to by a channel about a topic, once for each tick in which that changed. A contact
-- without an address who has stated nothing has no row.
with standings as (
    select
        *,
        {{ content_hash([
            'email', 'phone', 'properties', 'timezone', 'locale', 'consents', 'last_order_at', 'is_hard_bounced',
            'lost_addresses', 'has_complained', 'is_erased', 'merged_into_contact_id'
        ], 'profiles') }} as content_hash
    from {{ ref('changed_profiles') }} as profiles
    qualify row_number() over (
        partition by contact_id, valid_from >= {{ tick_start() }}
        order by valid_from desc
    ) = 1
),

-- who only visited us may be written to as before
concerned as (
    select
        contact_id,
        min(valid_from) < {{ tick_start() }} as is_known
    from standings
    group by contact_id
    -- a segment that is defined anew looks at everybody, too
    having min(valid_from) >= {{ tick_start() }} or min(content_hash) <> max(content_hash)
),

changed as (
    select
        standings.*,
        concerned.is_known,
        try_cast({{ property('suppressed_since', of='standings.properties') }} as timestamp) as suppressed_since
    from standings
    inner join concerned on standings.contact_id = concerned.contact_id
),

by_channel as (
    select
        changed.*,
        channels.channel,
        channels.address_type,
        channels.address_type = 'email' and changed.is_hard_bounced as is_bounced,
        case channels.address_type
            when 'email' then changed.email
            when 'phone' then changed.phone
            when 'contact' then cast(changed.contact_id as varchar)
            else (changed.properties ->> channels.address_type)
        end as address,
        list_bool_or([statement['channel'] in (channels.channel, 'all') for statement in changed.consents]) as has_stated
    from changed
    cross join {{ ref('channels') }} as channels
),

asked as (
    select
        by_channel.*,
        topics.topic,
        topics.kind = 'promotional' as is_promotional,
        topics.requires_consent,
        {{ latest_statement('by_channel.channel', 'topics.topic', "(topics.kind = 'transactional')", told=none) }} as latest
    from by_channel
    cross join {{ ref('topics') }} as topics
    where
        -- of a contact that is new there is nothing to say by most channels
        (by_channel.is_known or by_channel.address is not null or by_channel.has_stated or by_channel.is_erased)
        and (
            topics.channel = by_channel.channel
            -- nobody is written to by a channel without addresses
            or (topics.channel is null and by_channel.address_type is distinct from 'none')
        )
),

-- whom a step left in peace, until they order or say anything about consent
judged as (
    select
        *,
        struct_extract(latest, 'status') as latest_statement,
        struct_extract(latest, 'stated_at') as stated_at,
        suppressed_since is not null
        and coalesce(suppressed_since > greatest(last_order_at, struct_extract(latest, 'stated_at')), true) as is_left_in_peace
    from asked
    -- nor about a topic that they have stated nothing of
    where is_known or address is not null or latest is not null or is_erased
),

answered as (
    select
        contact_id,
        channel,
        topic,
        valid_from,
        address,
        case
            when merged_into_contact_id is not null then 'merged away'
            when is_erased then 'erased'
            when address is null then 'no address'
            when is_bounced or coalesce(list_contains(lost_addresses, address), false) then 'hard bounce'
        end as unreachable_reason,
        case
            when merged_into_contact_id is not null or is_erased or (is_promotional and has_complained) then false
            when requires_consent then coalesce(latest_statement = 'granted', false)
            else coalesce(latest_statement, 'none') <> 'withdrawn'
        end as is_consented,
        stated_at,
        case
            when not is_promotional then null
            when has_complained or is_bounced or is_left_in_peace then timestamp '9999-12-31'
            else last_order_at + interval '{{ var("purchase_suppression", "24 hours") }}'
        end as suppressed_until,
        case
            when not is_promotional then null
            when has_complained then 'complaint'
            when is_bounced then 'hard bounce'
            when is_left_in_peace then 'left in peace'
            when last_order_at is not null then 'recent purchase'
        end as suppression_reason,
        timezone,
        locale,
        is_erased,
        address is not null or latest_statement is not null or is_erased as has_something_to_say
    from judged
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
from answered
left join answered as before
    on
        answered.contact_id = before.contact_id
        and answered.channel = before.channel
        and answered.topic = before.topic
        and before.valid_from < {{ tick_start() }}
where
    answered.valid_from >= {{ tick_start() }}
    and (
        before.contact_id is null
        or row(answered.{{ content | join(', answered.') }}) is distinct from row(before.{{ content | join(', before.') }})
    )
    and (answered.has_something_to_say or coalesce(before.has_something_to_say, false))
