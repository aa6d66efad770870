select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('ballot__entered'), exits=ref('ballot__exited')) }}
