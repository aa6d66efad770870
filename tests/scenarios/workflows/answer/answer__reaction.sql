with answers as (
    select
        contact_id,
        occurred_at,
        effective_at
    from {{ ref('events') }}
    where event = 'Answer Given'
)

select
    arrivals.*,
    {{ branch({'silent': 'awaited_at is null'}, otherwise='answered') }}
from {{ arrivals_after_event(ref('answer__entered'), 'answers', timeout='2 days', exits=ref('answer__exited')) }}
