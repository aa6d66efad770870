-- Four hours later: was there something you liked?
select
    arrivals.*,
    {{ send(template='browse_reminder', channels=['email'], topic='offers', if_held='skip', expires='12 hours') }}
from {{ arrivals(ref('abandoned_browse__entered'), wait='4 hours', exits=ref('abandoned_browse__exited')) }}
