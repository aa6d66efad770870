select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('mover__entered'), wait='1 day', exits=ref('mover__exited')) }}
