select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='offers', if_held='defer', expires='36 hours') }}
from {{ arrivals(ref('brochure__letter'), wait='2 days', exits=ref('brochure__exited')) }}
