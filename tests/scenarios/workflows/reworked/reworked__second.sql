select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('reworked__first'), wait='4 days', exits=ref('reworked__exited')) }}
