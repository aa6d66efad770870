{{ config(event_time='exited_at') }}

-- Their first order is the goal; who unsubscribes is let go.
select
    entered.enrollment_id,
    orders.effective_at as exited_at,
    'converted' as reason,
    orders.order_id as conversion_id,
    orders.total as revenue
from {{ in_progress(ref('welcome_series__entered')) }} as entered
inner join {{ ref('orders') }} as orders
    on
        entered.contact_id = orders.contact_id
        and entered.reached_at <= orders.effective_at
        and entered.stays_until > orders.effective_at
where
    {{ in_tick('orders.effective_at') }}
    and orders.status = 'placed'

union all

select
    entered.enrollment_id,
    changes.changed_at as exited_at,
    'unsubscribed' as reason,
    cast(null as varchar) as conversion_id,
    cast(null as decimal(18, 2)) as revenue
from {{ in_progress(ref('welcome_series__entered')) }} as entered
inner join {{ ref('segment_changes') }} as changes
    on
        entered.contact_id = changes.contact_id
        and entered.reached_at <= changes.changed_at
        and entered.stays_until > changes.changed_at
where
    {{ in_tick('changes.changed_at') }}
    and changes.segment = 'newsletter_subscribers'
    and changes.change = 'left'
