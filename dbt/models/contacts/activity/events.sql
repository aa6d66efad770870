{{ config(event_time='effective_at') }}

select
    contact_id,
    message_id,
    type,
    event,
    user_id,
    anonymous_id,
    email,
    phone,
    properties,
    traits,
    context,
    source,
    occurred_at,
    effective_at
from {{ with_contact(ref('stg_events'), ref('identity_map')) }} as resolved
where contact_id is not null
order by effective_at, message_id
