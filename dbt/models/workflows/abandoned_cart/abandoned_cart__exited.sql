{{ config(event_time='exited_at') }}

-- They bought; every later step leaves them alone.
select converted.*
from {{ converted_by_order(ref('abandoned_cart__entered'), ref('orders')) }}
