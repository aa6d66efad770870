-- Three days later: help with choosing.
select
    arrivals.*,
    {{ send(template='browse_help', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('abandoned_browse__reminder'), wait='3 days', exits=ref('abandoned_browse__exited')) }}
