with greeted as (select * from {{ step_reached(ref('mover__hello')) }})

select * from {{ entries('greeted', reentry='once', holdout=0) }}
