select
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
    loaded_at,
    effective_at
from {{ first_known(source('raw', 'events'), key=['message_id']) }}
