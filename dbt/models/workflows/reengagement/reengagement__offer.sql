-- A week later: a reason to come back.
select
    arrivals.*,
    {{ send(template='reengagement_offer', channels=['email'], topic='offers', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('reengagement__we_miss_you'), wait='7 days', exits=ref('reengagement__exited')) }}
