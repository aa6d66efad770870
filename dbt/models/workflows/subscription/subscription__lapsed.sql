-- Two days after the end it has lapsed, and segments can tell.
select
    arrivals.*,
    {{ set_property('subscription_state', "'lapsed'") }}
from {{ arrivals(ref('subscription__last_call'), wait='5 days', exits=ref('subscription__exited')) }}
