{{ config(event_time='effective_at') }}

select
    contact_id,
    order_id,
    status,
    cart_id,
    currency,
    total,
    discount,
    shipping,
    tax,
    refunded,
    coupon,
    country,
    source,
    occurred_at,
    effective_at
from {{ with_contact(ref('stg_orders'), ref('identity_map')) }} as resolved
order by effective_at, order_id, status
