with asked as (select * from {{ event_happened('Course Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
