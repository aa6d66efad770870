with asked as (select * from {{ event_happened('Late Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
