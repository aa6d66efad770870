select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('hurried__first'), wait='4 days', exits=ref('hurried__exited')) }}
