-- Once they look at the shop again, or a week later: whoever has shown interest is handed over to sales.
with visits as (
    select * from {{ visits() }}
)

select
    arrivals.*,
    {{ set_property('lifecycle_stage_wanted', "'sales_ready'", when='was_engaged or awaited_at is not null') }}
from {{ arrivals_after_event(
    ref('lead_nurturing__invitation'), 'visits', timeout='7 days', exits=ref('lead_nurturing__exited')
) }}
