-- Three days later: what others say.
select
    arrivals.*,
    {{ send(template='lead_proof', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('lead_nurturing__guide'), wait='3 days', exits=ref('lead_nurturing__exited')) }}
