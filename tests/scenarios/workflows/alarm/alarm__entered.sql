with asked as (select * from {{ event_happened('Alarm Raised', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
