-- At once: another system hears of it.
select
    arrivals.*,
    {{ send(template='order_desk', channels=['webhook'], topic='service') }}
from {{ arrivals(ref('signup_flow__entered'), exits=ref('signup_flow__exited')) }}
