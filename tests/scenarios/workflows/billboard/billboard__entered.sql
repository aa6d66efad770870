with asked as (select * from {{ event_happened('Shop Window Seen') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
