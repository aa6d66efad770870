{{ config(event_time='exited_at') }}

-- They bought again.
select converted.*
from {{ converted_by_order(ref('reengagement__entered'), ref('orders')) }}
