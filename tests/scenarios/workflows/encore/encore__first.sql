select arrivals.*
from {{ arrivals(ref('encore__entered'), wait='1 hour', exits=ref('encore__exited')) }}
