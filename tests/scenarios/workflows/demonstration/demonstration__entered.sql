with asked as (select * from {{ event_happened('Demonstration Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
