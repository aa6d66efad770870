select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('quiz__by_points'), branch='silver', exits=ref('quiz__exited')) }}
