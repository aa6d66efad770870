-- Did they look at the shop within a week?
with visits as (
    select * from {{ visits() }}
)

select
    arrivals.*,
    {{ branch({'silent': 'awaited_at is null'}, otherwise='came back') }}
from {{ arrivals_after_event(ref('reengagement__offer'), 'visits', timeout='7 days', exits=ref('reengagement__exited')) }}
