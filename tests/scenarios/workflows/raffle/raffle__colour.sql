select
    arrivals.*,
    {{ split({'red': 1, 'blue': 1}, salt='raffle colour') }} as branch
from {{ arrivals(ref('raffle__entered'), exits=ref('raffle__exited')) }}
