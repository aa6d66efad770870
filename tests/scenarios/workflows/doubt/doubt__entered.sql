with asked as (select * from {{ event_happened('Doubt Felt') }})

select * from {{ entries('asked', reentry='once', holdout=0) }}
