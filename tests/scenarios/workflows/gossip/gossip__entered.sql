with asked as (select * from {{ event_happened('Gossip Heard', key='key') }})

select * from {{ entries('asked', reentry='per key', holdout=0) }}
