{{ config(event_time='exited_at') }}

-- They wrote a review, which is the goal; or they need help again, and that comes first.
select distinct
    entered.enrollment_id,
    happened.effective_at as exited_at,
    case happened.event when 'Product Reviewed' then 'converted' else 'asks for help' end as reason,
    case happened.event when 'Product Reviewed' then happened.message_id end as conversion_id,
    cast(null as decimal(18, 2)) as revenue
from {{ in_progress(ref('feedback__entered')) }} as entered
inner join {{ ref('events') }} as happened
    on
        entered.contact_id = happened.contact_id
        and entered.reached_at <= happened.effective_at
        and entered.stays_until > happened.effective_at
where
    {{ in_tick('happened.effective_at') }}
    and happened.event in ('Product Reviewed', 'Ticket Opened')
