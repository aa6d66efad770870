with answers as (select * from {{ ref('events') }} where event = 'Doubt Answered')

select
    arrivals.*,
    case when awaited_at is null then 'silent' else 'answered' end as branch
from {{ arrivals_after_event(ref('doubt__entered'), 'answers', timeout='1 day', exits=ref('doubt__exited')) }}
