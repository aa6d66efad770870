{{ config(event_time='exited_at') }}

-- They ordered again, which is the goal, or this order came to nothing.
with order_changes as (
    select
        contact_id,
        order_id,
        status,
        total,
        effective_at
    from {{ ref('orders') }}
    where {{ in_tick('effective_at') }}
)

select
    entered.enrollment_id,
    order_changes.effective_at as exited_at,
    case order_changes.status when 'placed' then 'converted' else 'order cancelled' end as reason,
    case order_changes.status when 'placed' then order_changes.order_id end as conversion_id,
    case order_changes.status when 'placed' then order_changes.total end as revenue
from {{ in_progress(ref('post_purchase__entered')) }} as entered
inner join order_changes
    on
        entered.contact_id = order_changes.contact_id
        and entered.reached_at <= order_changes.effective_at
where
    (order_changes.status = 'placed' and order_changes.order_id <> entered.order_id)
    or (order_changes.status in ('cancelled', 'refunded') and order_changes.order_id = entered.order_id)
