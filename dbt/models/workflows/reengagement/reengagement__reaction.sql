-- Did they look at the shop within a week?
with visits as (
    select
        contact_id,
        occurred_at,
        effective_at
    from {{ ref('events') }}
    where event in ('Product Viewed', 'Product List Viewed', 'Product Added')
)

select
    arrivals.*,
    {{ branch({'silent': 'awaited_at is null'}, otherwise='came back') }}
from {{ arrivals_after_event(ref('reengagement__offer'), 'visits', timeout='7 days', exits=ref('reengagement__exited')) }}
