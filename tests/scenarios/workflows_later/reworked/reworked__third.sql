select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('reworked__second'), wait='1 day', exits=ref('reworked__exited')) }}
