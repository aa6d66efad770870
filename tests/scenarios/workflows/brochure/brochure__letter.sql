select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='newsletter', if_held='skip') }}
from {{ arrivals(ref('brochure__entered'), exits=ref('brochure__exited')) }}
