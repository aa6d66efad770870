-- They bought once, in the last 90 days.
select
    contact_id,
    valid_from,
    {{ member(when='orders_count = 1', since='last_order_at', until="last_order_at + interval '90 days'") }}
from {{ ref('changed_profiles') }}
