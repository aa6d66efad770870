select
    arrivals.*,
    {{ start_workflow('baton') }}
from {{ arrivals(ref('relay__entered'), exits=ref('relay__exited')) }}
