select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('leapling__entered'), exits=ref('leapling__exited')) }}
