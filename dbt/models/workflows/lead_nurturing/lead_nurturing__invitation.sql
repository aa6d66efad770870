-- Five days later: come and have a look.
select
    arrivals.*,
    {{ send(template='lead_invitation', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('lead_nurturing__questions'), wait='5 days', exits=ref('lead_nurturing__exited')) }}
