{{ config(event_time='exited_at') }}

-- Who buys has no need of a welcome.
select
    entered.enrollment_id,
    orders.effective_at as exited_at,
    'converted' as reason,
    orders.order_id as conversion_id,
    orders.total as revenue
from {{ in_progress(ref('signup_flow__entered')) }} as entered
inner join {{ ref('orders') }} as orders
    on
        entered.contact_id = orders.contact_id
        and entered.reached_at <= orders.effective_at
        and entered.stays_until > orders.effective_at
where
    {{ in_tick('orders.effective_at') }}
    and orders.status = 'placed'
