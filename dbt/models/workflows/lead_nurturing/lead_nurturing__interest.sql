-- Did they look at the shop within five days?
with visits as (
    select * from {{ visits() }}
)

select
    arrivals.*,
    awaited_at is not null as was_engaged,
    {{ branch({'engaged': 'awaited_at is not null'}, otherwise='quiet') }}
from {{ arrivals_after_event(ref('lead_nurturing__proof'), 'visits', timeout='5 days', exits=ref('lead_nurturing__exited')) }}
