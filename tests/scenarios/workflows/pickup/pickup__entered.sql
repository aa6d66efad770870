with asked as (select * from {{ event_happened('Pickup Offered', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
