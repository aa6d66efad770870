select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('course__entered'), exits=ref('course__exited')) }}
