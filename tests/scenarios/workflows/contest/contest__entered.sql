with asked as (select * from {{ event_happened('Contest Joined', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
