-- They have not bought for 90 days.
select
    contact_id,
    valid_from,
    {{ member(when='orders_count > 0', since="last_order_at + interval '90 days'") }}
from {{ ref('changed_profiles') }}
