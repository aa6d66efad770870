{{ config(event_time='exited_at') }}

select converted.*
from {{ converted_by_order(ref('wishlist__entered'), ref('orders')) }}

union all

select * from {{ entered_again(ref('wishlist__entered')) }}
