{{ config(event_time='exited_at') }}

-- They ordered again.
select converted.*
from {{ converted_by_order(ref('anniversary__entered'), ref('orders')) }}
