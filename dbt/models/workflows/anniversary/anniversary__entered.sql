-- The day of their first order comes round, at ten in the morning where they live.
with anniversaries as (
    select
        contact_id,
        entry_key,
        reached_at,
        occurred_at
    from {{ date_comes_up(profile_dates('first_order_at'), local_time='10:00') }}
)

-- which order was the first may change, by a cancellation or a merge
select * from {{ entries('anniversaries', reentry='after 300 days', holdout=0.05) }}
