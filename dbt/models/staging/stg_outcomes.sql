select
    action_id,
    channel,
    status,
    reason,
    provider,
    provider_message_id,
    occurred_at,
    loaded_at,
    effective_at
from {{ first_known(source('raw', 'outcomes'), key=['action_id', 'status']) }}
