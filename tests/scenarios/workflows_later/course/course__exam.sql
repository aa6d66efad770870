select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('course__lesson'), wait='1 day', finished_since='2026-03-03', exits=ref('course__exited')) }}
