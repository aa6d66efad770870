-- An hour later they part.
select
    arrivals.*,
    {{ branch({'first': 'contact_id % 2 = 0'}, otherwise='second') }}
from {{ arrivals(ref('signup_flow__call'), wait='1 hour', exits=ref('signup_flow__exited')) }}
