select
    product_id,
    name,
    category,
    price,
    currency,
    url,
    image_url,
    is_available,
    occurred_at,
    loaded_at,
    effective_at
from {{ first_known(source('raw', 'products'), key=['product_id', 'occurred_at']) }}
