with asked as (select * from {{ event_happened('Question Sent', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
