-- Five days later: delivery is on us.
select
    arrivals.*,
    {{ send(template='anniversary_treat', channels=['email'], topic='offers', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('anniversary__thanks'), wait='5 days', exits=ref('anniversary__exited')) }}
