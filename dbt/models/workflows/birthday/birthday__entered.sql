-- Whose birthday it is, at nine in the morning where they live.
with birthdays as (
    select
        contact_id,
        entry_key,
        reached_at,
        occurred_at,
        cast(on_date + interval '14 days' as date) as offer_until
    from {{ date_comes_up(profile_dates('birth_date')) }}
)

-- who puts a date right has not two birthdays in a year
select * from {{ entries('birthdays', reentry='after 300 days', holdout=0.05) }}
