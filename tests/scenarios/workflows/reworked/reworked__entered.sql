with asked as (select * from {{ event_happened('Rework Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
