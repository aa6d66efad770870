{{ config(event_time='exited_at') }}

-- Their first order is the goal; who unsubscribes is let go.
select converted.*
from {{ converted_by_order(ref('welcome_series__entered'), ref('orders')) }}

union all

select
    entered.enrollment_id,
    changes.changed_at as exited_at,
    'unsubscribed' as reason,
    cast(null as varchar) as conversion_id,
    cast(null as decimal(18, 2)) as revenue
from {{ in_progress(ref('welcome_series__entered')) }} as entered
inner join {{ ref('segment_changes') }} as changes
    on
        entered.contact_id = changes.contact_id
        and entered.reached_at <= changes.changed_at
        and entered.stays_until > changes.changed_at
where
    {{ in_tick('changes.changed_at') }}
    and changes.segment = 'newsletter_subscribers'
    and changes.change = 'left'
