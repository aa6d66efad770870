-- At once: thank you for staying.
select
    arrivals.*,
    {{ send(template='anniversary_thanks', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('anniversary__entered'), exits=ref('anniversary__exited')) }}
