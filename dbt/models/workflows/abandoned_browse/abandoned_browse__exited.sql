{{ config(event_time='exited_at') }}

-- They bought, which is the goal, or they filled a cart, and abandoned_cart takes over.
select converted.*
from {{ converted_by_order(ref('abandoned_browse__entered'), ref('orders')) }}

union all

select distinct
    entered.enrollment_id,
    carts.effective_at as exited_at,
    'filled a cart' as reason,
    cast(null as varchar) as conversion_id,
    cast(null as decimal(18, 2)) as revenue
from {{ in_progress(ref('abandoned_browse__entered')) }} as entered
inner join {{ ref('events') }} as carts
    on
        entered.contact_id = carts.contact_id
        and entered.reached_at <= carts.effective_at
        and entered.stays_until > carts.effective_at
where
    {{ in_tick('carts.effective_at') }}
    and carts.event in ('Product Added', 'Checkout Started')
