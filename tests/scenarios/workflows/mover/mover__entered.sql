with moved as (select * from {{ trait_changed('timezone', to="'America/New_York'") }})

select * from {{ entries('moved', reentry='always', holdout=0) }}
