select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('novice__entered'), wait='1 day', exits=ref('novice__exited')) }}
