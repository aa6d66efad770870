select
    arrivals.*,
    {{ experiment('contest colour') }} as branch
from {{ arrivals(ref('contest__entered'), exits=ref('contest__exited')) }}
