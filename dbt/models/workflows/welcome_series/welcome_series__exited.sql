{{ config(event_time='exited_at') }}

-- Their first order is the goal; who unsubscribes is let go.
select converted.*
from {{ converted_by_order(ref('welcome_series__entered'), ref('orders')) }}

union all

select left_segment.*
from {{ left_segment(
    ref('welcome_series__entered'), ref('segment_changes'), 'newsletter_subscribers', reason='unsubscribed'
) }}
