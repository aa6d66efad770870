-- Something happens of which another system must hear at once.
with raised as (select * from {{ event_happened('Alarm Raised') }})

select * from {{ entries('raised', reentry='per key', holdout=0) }}
