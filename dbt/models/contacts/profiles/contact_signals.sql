{{ config(event_time='effective_at') }}

-- What limits how we may write to somebody: hard bounces, devices and browsers that are gone, complaints, unsubscribing by
-- link, and the wish to be forgotten.
select
    contact_id,
    message_id,
    case event
        when 'Email Bounced' then 'hard bounce'
        when 'Push Notification Bounced' then 'address gone'
        when 'Email Marked as Spam' then 'complaint'
        when 'Unsubscribed' then 'unsubscribed'
        when 'Contact Erased' then 'erased'
    end as signal,
    email,
    case when event = 'Push Notification Bounced' then (properties ->> '$.address') end as address,
    occurred_at,
    effective_at
from {{ ref('events') }}
where
    {{ in_tick('effective_at') }}
    and contact_id is not null
    and (
        event in ('Email Marked as Spam', 'Unsubscribed', 'Contact Erased')
        or (event in ('Email Bounced', 'Push Notification Bounced') and (properties ->> '$.type') = 'hard')
    )
