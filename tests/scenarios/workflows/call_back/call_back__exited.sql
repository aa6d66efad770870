{{ config(event_time='exited_at') }}

select converted.*
from {{ converted_by_order(ref('call_back__entered'), ref('orders')) }}
