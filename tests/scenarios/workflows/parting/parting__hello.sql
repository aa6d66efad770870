select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('parting__entered'), local_window=['20:00', '06:00'], exits=ref('parting__exited')) }}
