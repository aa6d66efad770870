select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('answer__reaction'), branch='answered', exits=ref('answer__exited')) }}
