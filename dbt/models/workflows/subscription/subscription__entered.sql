-- A subscription ends in two weeks. Whoever renews gets a new date, and with it comes in again: that is the loop.
with renewals as (
    select
        contact_id,
        entry_key,
        reached_at,
        occurred_at,
        on_date as renews_on
    from {{ date_comes_up(profile_dates(property_date('subscription_renews_on')), yearly=false, before='14 days') }}
)

select * from {{ entries('renewals', reentry='per key') }}
