with asked as (select * from {{ event_happened('Wish Added') }})

select * from {{ entries('asked', reentry='always', holdout=0) }}
