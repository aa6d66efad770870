{{ config(event_time='exited_at') }}

-- They treated themselves.
select converted.*
from {{ converted_by_order(ref('birthday__entered'), ref('orders')) }}
