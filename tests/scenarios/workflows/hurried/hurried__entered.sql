with asked as (select * from {{ event_happened('Hurried Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
