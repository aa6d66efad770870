select
    arrivals.*,
    {{ start_workflow('encore') }}
from {{ arrivals(ref('encore__first'), wait='20 hours', exits=ref('encore__exited')) }}
