select
    arrivals.*,
    {{ send(template='welcome_first_order', channels=['email'], topic='service') }}
from {{ arrivals(ref('hurried__second'), wait='4 days', exits=ref('hurried__exited')) }}
