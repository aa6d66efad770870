{{ config(event_time='exited_at') }}

-- The date of their subscription has moved on, which is the goal, is gone, or is another.
select
    entered.enrollment_id,
    dates.changed_at as exited_at,
    case
        when dates.value > entered.renews_on then 'converted'
        when dates.value is null then 'cancelled'
        else 'date changed'
    end as reason,
    cast(null as varchar) as conversion_id,
    cast(null as decimal(18, 2)) as revenue
from {{ in_progress(ref('subscription__entered')) }} as entered
inner join {{ profile_changes(property_date('subscription_renews_on')) }} as dates
    on
        entered.contact_id = dates.contact_id
        and entered.reached_at <= dates.changed_at
        and entered.stays_until > dates.changed_at
where
    dates.value is distinct from dates.value_before
    and dates.value is distinct from entered.renews_on
