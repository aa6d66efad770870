-- Two weeks after the goodbye we leave them in peace, until they order or agree anew.
select
    arrivals.*,
    {{ suppress() }}
from {{ arrivals(ref('reengagement__goodbye'), wait='14 days', exits=ref('reengagement__exited')) }}
