{{ config(event_time='exited_at') }}

select converted.*
from {{ converted_by_order(ref('late_start__entered'), ref('orders')) }}
