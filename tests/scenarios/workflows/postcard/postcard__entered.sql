with asked as (select * from {{ event_happened('Postcard Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
