{{ config(event_time='exited_at') }}

-- They bought, which is the goal, or they took their registration back.
select converted.*
from {{ converted_by_order(ref('event_follow_up__entered'), ref('orders')) }}

union all

select distinct
    entered.enrollment_id,
    cancelled.effective_at as exited_at,
    'registration cancelled' as reason,
    cast(null as varchar) as conversion_id,
    cast(null as decimal(18, 2)) as revenue
from {{ in_progress(ref('event_follow_up__entered')) }} as entered
inner join {{ ref('events') }} as cancelled
    on
        entered.contact_id = cancelled.contact_id
        and entered.entry_key = (cancelled.properties ->> '$.event_id')
        and entered.reached_at <= cancelled.effective_at
        and entered.stays_until > cancelled.effective_at
where
    {{ in_tick('cancelled.effective_at') }}
    and cancelled.event = 'Event Registration Cancelled'
