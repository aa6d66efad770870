select
    cost_id,
    kind,
    workflow,
    channel,
    amount,
    currency,
    period_start,
    period_end,
    occurred_at,
    loaded_at,
    effective_at
from {{ first_known(source('raw', 'costs'), key=['cost_id']) }}
