{{ config(event_time='exited_at') }}

select converted.*
from {{ converted_by_order(ref('baton__entered'), ref('orders')) }}
