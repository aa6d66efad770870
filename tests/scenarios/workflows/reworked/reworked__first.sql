select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('reworked__entered'), exits=ref('reworked__exited')) }}
