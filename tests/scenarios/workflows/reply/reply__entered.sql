with asked as (select * from {{ event_happened('Reply Asked For', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
