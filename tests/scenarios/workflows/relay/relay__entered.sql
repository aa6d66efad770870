with asked as (select * from {{ event_happened('Relay Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
