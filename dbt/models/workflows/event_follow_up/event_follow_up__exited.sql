{{ config(event_time='exited_at') }}

-- They bought, which is the goal, or they took their registration back.
select converted.*
from {{ converted_by_order(ref('event_follow_up__entered'), ref('orders')) }}

union all

select left_by_event.*
from {{ left_by_event(
    ref('event_follow_up__entered'), ref('events'),
    {'Event Registration Cancelled': 'registration cancelled'}, same={'entry_key': 'event_id'}
) }}
