{{ config(event_time='exited_at') }}

select converted.*
from {{ converted_by_order(ref('owl__entered'), ref('orders')) }}
