-- Nobody is written to about a topic against what they stated last, as far as it was known before the tick ended; and nobody
-- who stated nothing, where the topic requires consent. Worked out from the statements themselves, not from eligibility.
with sends as (
    select
        decisions.action_id,
        decisions.contact_id,
        decisions.channel,
        decisions.topic,
        decisions.tick_end,
        topics.kind,
        topics.requires_consent
    from {{ ref('decisions') }} as decisions
    left join {{ ref('topics') }} as topics on decisions.topic = topics.topic
    where
        decisions.outcome = 'send'
        and decisions.kind = 'send'
),

-- everyone that a contact was known to stand for when it was decided
known_as as (
    select
        action_id,
        contact_id
    from sends

    union

    select
        sends.action_id,
        absorbed.contact_id
    from sends
    inner join {{ ref('contact_merges') }} as absorbed
        on
            sends.contact_id = absorbed.into_contact_id
            and sends.tick_end > absorbed.merged_at
),

statements as (
    select
        contact_id,
        channel,
        topic,
        status,
        occurred_at,
        effective_at
    from {{ ref('consent_statements') }}

    union all

    select
        contact_id,
        'email' as channel,
        'all' as topic,
        'withdrawn' as status,
        occurred_at,
        effective_at
    from {{ ref('contact_signals') }}
    where signal in ('unsubscribed', 'erased')
),

stated_last as (
    select
        sends.action_id,
        -- of two at the same time the withdrawal counts
        {{ last_by('statements.status', '(statements.occurred_at, statements.status)') }} as status
    from sends
    inner join known_as on sends.action_id = known_as.action_id
    inner join statements
        on
            known_as.contact_id = statements.contact_id
            and sends.tick_end > statements.effective_at
            and statements.channel in (sends.channel, 'all')
            and (sends.topic = statements.topic or (statements.topic = 'all' and sends.kind <> 'transactional'))
    group by sends.action_id
)

select
    sends.action_id,
    sends.contact_id,
    sends.channel,
    sends.topic,
    sends.tick_end,
    stated_last.status
from sends
left join stated_last on sends.action_id = stated_last.action_id
where
    sends.kind is null
    or stated_last.status = 'withdrawn'
    or (sends.requires_consent and stated_last.status is null)
