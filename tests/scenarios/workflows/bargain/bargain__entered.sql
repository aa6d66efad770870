with asked as (select * from {{ event_happened('Bargain Seen', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
