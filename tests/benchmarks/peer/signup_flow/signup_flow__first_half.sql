-- A welcome for the first half.
select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='newsletter') }}
from {{ arrivals(ref('signup_flow__by_half'), branch='first', exits=ref('signup_flow__exited')) }}
