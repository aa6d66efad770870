select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('hurried__first'), wait='1 day', exits=ref('hurried__exited')) }}
