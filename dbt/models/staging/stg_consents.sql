select
    user_id,
    email,
    phone,
    channel,
    topic,
    status,
    evidence,
    source,
    occurred_at,
    loaded_at,
    effective_at
from {{ first_known(source('raw', 'consents'), key=['user_id', 'email', 'phone', 'channel', 'topic', 'occurred_at']) }}
