with asked as (select * from {{ event_happened('Advice Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
