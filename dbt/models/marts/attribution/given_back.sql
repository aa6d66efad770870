{{ config(materialized='view', access='protected') }}

-- What was cancelled or refunded of orders, by now.
select
    order_id as conversion_id,
    max(case status when 'cancelled' then total else coalesce(refunded, total) end) as amount
from {{ ref('orders') }}
where status in ('cancelled', 'refunded')
group by order_id
