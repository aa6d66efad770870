{{ config(materialized='table') }}

-- How matters stand with the contacts of the candidates, as of this tick. Whoever reads an address may also have objected
-- under another name: a role address, or one that the identity graph did not join, belongs to more than one contact.
with tried as (
    select
        contact_id,
        topic,
        topic_kind,
        unnest(channels) as channel
    from {{ ref('candidates') }}
    where tick_end = {{ tick_end() }}
),

asked as (
    select distinct
        contact_id,
        topic,
        topic_kind,
        {{ standing_channel('channel', 'topic') }} as channel
    from tried
),

-- what answers for a channel: rows of its own, or those of all channels that reach the contact itself
answers as (
    select
        *,
        channel as told_of
    from asked

    union all

    select
        *,
        {{ every_channel_to('contact') }} as told_of
    from asked
    where channel in (select channel from {{ ref('channels') }} where address_type = 'contact')
),

standings as (
    select
        changes.* replace (answers.channel as channel),
        answers.topic_kind
    from {{ ref('eligibility_changes') }} as changes
    inner join answers
        on
            changes.contact_id = answers.contact_id
            and changes.channel = answers.told_of
            and changes.topic = answers.topic
    where changes.tick_end <= {{ tick_end() }}
    qualify row_number() over (
        partition by answers.contact_id, answers.channel, answers.topic
        order by changes.tick_end desc
    ) = 1
),

-- what was said of the addresses, by whomever
said as (
    select
        channel,
        topic,
        unnest([email, phone]) as address,
        {{ statement_of('status', 'occurred_at') }} as statement
    from {{ ref('consent_statements') }}
    where
        effective_at < {{ tick_end() }}
        and (
            email in (select address from standings)
            or phone in (select address from standings)
        )

    union all

    -- a link to unsubscribe, or a complaint
    select
        'email' as channel,
        'all' as topic,
        email as address,
        {{ statement_of("'withdrawn'", 'occurred_at') }} as statement
    from {{ ref('contact_signals') }}
    where
        effective_at < {{ tick_end() }}
        and signal in ('unsubscribed', 'complaint')
        and email in (select address from standings)
),

last_said as (
    select
        standings.contact_id,
        standings.channel,
        standings.topic,
        max(said.statement) as statement
    from standings
    inner join said
        on
            standings.address = said.address
            and said.channel in (standings.channel, 'all')
            and (standings.topic = said.topic or (said.topic = 'all' and standings.topic_kind <> 'transactional'))
    group by standings.contact_id, standings.channel, standings.topic
),

heard as (
    select
        standings.*,
        coalesce(
            struct_extract(last_said.statement, 'status') = 'withdrawn'
            and struct_extract(last_said.statement, 'stated_at') >= coalesce(standings.stated_at, timestamp '1970-01-01'),
            false
        ) as has_objected
    from standings
    left join last_said
        on
            standings.contact_id = last_said.contact_id
            and standings.channel = last_said.channel
            and standings.topic = last_said.topic
)

select
    contact_id,
    channel,
    topic,
    address,
    is_reachable,
    unreachable_reason,
    is_consented and not has_objected as is_consented,
    suppressed_until,
    suppression_reason,
    timezone,
    is_erased,
    has_objected
from heard
