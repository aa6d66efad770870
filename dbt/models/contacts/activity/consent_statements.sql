{{ config(event_time='effective_at') }}

select
    contact_id,
    channel,
    topic,
    status,
    user_id,
    email,
    phone,
    evidence,
    source,
    occurred_at,
    effective_at
from {{ with_contact(ref('stg_consents'), ref('identity_map'), types=['user_id', 'email', 'phone']) }} as resolved
where contact_id is not null
order by effective_at, contact_id, channel, topic, occurred_at
