{{ config(event_time='exited_at') }}

select converted.*
from {{ converted_by_order(ref('postcard__entered'), ref('orders')) }}
