select
    arrivals.*,
    {{ branch({'gold': 'points >= 80', 'silver': 'points >= 50'}, otherwise='bronze') }}
from {{ arrivals(ref('quiz__entered'), exits=ref('quiz__exited')) }}
