-- Once they look at the shop again, or a week later: whoever has shown interest gets an owner in sales, each in turn.
with visits as (
    select * from {{ visits() }}
)

select
    arrivals.*,
    {{ route_lead(owners=['ada', 'grace'], when='was_engaged or awaited_at is not null') }}
from {{ arrivals_after_event(
    ref('lead_nurturing__invitation'), 'visits', timeout='7 days', exits=ref('lead_nurturing__exited')
) }}
