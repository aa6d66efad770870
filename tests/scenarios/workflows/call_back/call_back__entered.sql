with asked as (select * from {{ event_happened('Call Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
