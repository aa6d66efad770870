select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['voice'], topic='service') }}
from {{ arrivals(ref('call_back__entered'), exits=ref('call_back__exited')) }}
