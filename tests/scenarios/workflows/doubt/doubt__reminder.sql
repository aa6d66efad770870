select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('doubt__reaction'), branch='silent', exits=ref('doubt__exited')) }}
