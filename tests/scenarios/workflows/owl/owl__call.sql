select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('owl__entered'), local_time='02:30', exits=ref('owl__exited')) }}
