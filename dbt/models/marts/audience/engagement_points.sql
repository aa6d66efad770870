{{ config(event_time='known_at', access='protected') }}

-- What speaks for or against a contact's interest, once for each time; seeds/engagement_weights.csv says how much.
select
    contact_id,
    kind,
    occurred_at,
    known_at
from {{ ref('message_engagement') }}
where {{ in_tick('known_at') }}

union all

-- a day on which somebody looks at many pages is one
select
    contact_id,
    kind,
    occurred_at,
    effective_at as known_at
from {{ ref('contact_activity_days') }}
where {{ in_tick('effective_at') }} and kind not in ('email_open', 'email_click')

union all

select
    contact_id,
    case status when 'placed' then 'ordered' else 'given back' end as kind,
    occurred_at,
    effective_at as known_at
from {{ ref('orders') }}
where {{ in_tick('effective_at') }} and status in ('placed', 'cancelled', 'refunded') and contact_id is not null
