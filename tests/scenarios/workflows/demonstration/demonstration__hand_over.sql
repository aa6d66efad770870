with waiting as (
    select contact_id
    from {{ ref('demonstration__entered') }}
    where reached_at >= {{ tick_start() }} - interval '4 days' and reached_at < {{ tick_end() }}
),

hot as (
    select
        contact_id,
        occurred_at,
        reached_at as effective_at
    from {{ score_reached('hot', since='7 days', among='waiting') }}
)

select
    arrivals.*,
    {{ branch({'hot': 'awaited_at is not null'}, otherwise='tepid') }}
from {{ arrivals_after_event(
    ref('demonstration__entered'), 'hot', timeout='4 days', lookback='3 days', exits=ref('demonstration__exited')
) }}
