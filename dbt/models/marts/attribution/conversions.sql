{{ config(event_time='known_at', access='protected') }}

-- Every order that attribution shares out, in the tick that learns of it; when things happened decides what came before what.
select
    order_id as conversion_id,
    contact_id,
    total as revenue,
    currency,
    occurred_at as converted_at,
    effective_at as known_at
from {{ ref('orders') }}
where
    {{ in_tick('effective_at') }}
    and status = 'placed'
    and occurred_at > effective_at - {{ stated_period('latest_conversion') }}
