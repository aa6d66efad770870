select
    order_id,
    line_number,
    product_id,
    quantity,
    unit_price,
    occurred_at,
    loaded_at,
    effective_at
from {{ first_known(source('raw', 'order_lines'), key=['order_id', 'line_number', 'occurred_at']) }}
