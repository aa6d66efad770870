with started as (select * from {{ workflow_started() }})

select * from {{ entries('started', reentry='after exit', limit={'times': 2, 'period': '5 days'}) }}
