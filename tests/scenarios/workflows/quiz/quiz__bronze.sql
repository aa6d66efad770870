select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('quiz__by_points'), branch='bronze', exits=ref('quiz__exited')) }}
