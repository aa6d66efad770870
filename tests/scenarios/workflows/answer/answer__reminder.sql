select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('answer__reaction'), branch='silent', exits=ref('answer__exited')) }}
