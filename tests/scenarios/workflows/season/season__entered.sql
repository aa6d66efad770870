with asked as (select * from {{ event_happened('Season Asked') }})

select * from {{ entries('asked', reentry='after 5 days', holdout=0) }}
