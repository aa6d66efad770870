-- Once they are hot, at once if they have become so since they came in, or a week later: whoever is, or has shown interest
-- before, gets an owner in sales, each in turn.
with waiting as (
    select contact_id
    from {{ ref('lead_nurturing__invitation') }}
    where reached_at >= {{ tick_start() }} - interval '7 days' and reached_at < {{ tick_end() }}
),

hot as (
    select
        contact_id,
        occurred_at,
        reached_at as effective_at
    from {{ score_reached('hot', since='37 days', among='waiting') }}
)

select
    arrivals.*,
    {{ route_lead(owners=['ada', 'grace'], when='was_engaged or awaited_at is not null') }}
from {{ arrivals_after_event(
    ref('lead_nurturing__invitation'), 'hot', timeout='7 days', lookback='30 days', exits=ref('lead_nurturing__exited')
) }}
