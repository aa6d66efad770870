-- They have not bought for 60 days, and are lost after 90.
select
    contact_id,
    valid_from,
    {{ member(
        when='orders_count > 0',
        since="last_order_at + interval '60 days'",
        until="last_order_at + interval '90 days'"
    ) }}
from {{ ref('changed_profiles') }}
