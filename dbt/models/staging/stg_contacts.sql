select
    user_id,
    source,
    email,
    phone,
    first_name,
    last_name,
    birth_date,
    country,
    locale,
    timezone,
    properties,
    occurred_at,
    loaded_at,
    effective_at
from {{ first_known(source('raw', 'contacts'), key=['source', 'user_id', 'occurred_at']) }}
