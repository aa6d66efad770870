-- The quiet get something to read.
select
    arrivals.*,
    {{ send(template='lead_basics', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('lead_nurturing__interest'), branch='quiet', exits=ref('lead_nurturing__exited')) }}
