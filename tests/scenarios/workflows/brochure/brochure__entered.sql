with asked as (select * from {{ event_happened('Brochure Asked') }})

select * from {{ entries('asked', reentry='once', holdout=0.05) }}
