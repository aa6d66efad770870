{{ config(event_time='exited_at') }}

-- They wrote a review, which is the goal; or they need help again, and that comes first.
select left_by_event.*
from {{ left_by_event(
    ref('feedback__entered'), ref('events'),
    {'Product Reviewed': 'converted', 'Ticket Opened': 'asks for help'}
) }}
