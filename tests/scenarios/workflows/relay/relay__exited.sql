{{ config(event_time='exited_at') }}

select converted.*
from {{ converted_by_order(ref('relay__entered'), ref('orders')) }}
