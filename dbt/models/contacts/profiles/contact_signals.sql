{{ config(event_time='effective_at') }}

-- What limits how we may write to somebody: hard bounces, complaints, unsubscribing by link, and the wish to be forgotten.
select
    contact_id,
    message_id,
    case event
        when 'Email Bounced' then 'hard bounce'
        when 'Email Marked as Spam' then 'complaint'
        when 'Unsubscribed' then 'unsubscribed'
        when 'Contact Erased' then 'erased'
    end as signal,
    email,
    occurred_at,
    effective_at
from {{ ref('events') }}
where
    {{ in_tick('effective_at') }}
    and contact_id is not null
    and (
        event in ('Email Marked as Spam', 'Unsubscribed', 'Contact Erased')
        or (event = 'Email Bounced' and (properties ->> '$.type') = 'hard')
    )
