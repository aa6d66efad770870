select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('hurried__entered'), exits=ref('hurried__exited')) }}
