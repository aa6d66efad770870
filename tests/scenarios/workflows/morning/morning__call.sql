select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='service') }}
from {{ arrivals(ref('morning__entered'), local_time='09:00', weekdays=[1, 2, 3, 4, 5], exits=ref('morning__exited')) }}
