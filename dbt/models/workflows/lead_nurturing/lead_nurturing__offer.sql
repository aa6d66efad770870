-- The engaged get something to try.
select
    arrivals.*,
    {{ send(template='lead_offer', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('lead_nurturing__interest'), branch='engaged', exits=ref('lead_nurturing__exited')) }}
