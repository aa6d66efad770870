{{ config(event_time='exited_at') }}

-- Who buys has no need of a welcome.
select converted.*
from {{ converted_by_order(ref('signup_flow__entered'), ref('orders')) }}
