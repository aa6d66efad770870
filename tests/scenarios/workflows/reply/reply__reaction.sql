with replies as (select * from {{ ref('events') }} where event = 'Reply Given')

select
    arrivals.*,
    {{ branch({'silent': 'awaited_at is null'}, otherwise='replied') }}
from {{ arrivals_after_event(
    ref('reply__entered'), 'replies', timeout='2 days', lookback='3 days', exits=ref('reply__exited')
) }}
