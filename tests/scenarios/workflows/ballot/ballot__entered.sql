with asked as (select * from {{ event_happened('Vote Asked', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
