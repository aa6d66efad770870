select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('late_start__entered'), exits=ref('late_start__exited')) }}
