{{ config(event_time='exited_at') }}

-- They bought, which is the goal, or they filled a cart, and abandoned_cart takes over.
select converted.*
from {{ converted_by_order(ref('abandoned_browse__entered'), ref('orders')) }}

union all

select left_by_event.*
from {{ left_by_event(
    ref('abandoned_browse__entered'), ref('events'),
    {'Product Added': 'filled a cart', 'Checkout Started': 'filled a cart'}
) }}
