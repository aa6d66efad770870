select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('regular__entered'), local_time='best hour', exits=ref('regular__exited')) }}
