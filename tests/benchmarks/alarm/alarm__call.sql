select
    arrivals.*,
    {{ send(template='order_desk', channels=['webhook'], topic='service') }}
from {{ arrivals(ref('alarm__entered'), exits=ref('alarm__exited')) }}
