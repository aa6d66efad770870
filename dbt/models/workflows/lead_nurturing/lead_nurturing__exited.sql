{{ config(event_time='exited_at') }}

-- They bought; there is nothing left to nurture.
select converted.*
from {{ converted_by_order(ref('lead_nurturing__entered'), ref('orders')) }}
