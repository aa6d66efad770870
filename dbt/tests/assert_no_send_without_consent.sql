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
)

select
    sends.action_id,
    sends.contact_id,
    sends.channel,
    sends.topic,
    sends.tick_end,
    stated_last.status
from sends
left join {{ stated_last('sends') }} as stated_last on sends.action_id = stated_last.action_id
where
    sends.kind is null
    or stated_last.status = 'withdrawn'
    or (sends.requires_consent and stated_last.status is null)
