with started as (select * from {{ workflow_started() }})

select * from {{ entries('started', reentry='once', holdout=0) }}
