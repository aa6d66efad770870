with days as (select * from {{ date_comes_up(profile_dates('birth_date'), before='-3 days') }})

select * from {{ entries('days', reentry='per key', holdout=0) }}
