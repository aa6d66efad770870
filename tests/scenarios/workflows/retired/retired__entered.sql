with asked as (select * from {{ event_happened('Retire Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
