{{ config(materialized='view', access='protected') }}

-- What speaks for or against a contact's interest, once for each time; seeds/engagement_weights.csv says how much. Also what was
-- known before the first tick: a view has it, where a table would begin with that tick.
select
    contact_id,
    kind,
    occurred_at,
    known_at
from {{ ref('message_engagement') }}

union all

-- a day on which somebody looks at many pages is one
select
    contact_id,
    kind,
    occurred_at,
    effective_at as known_at
from {{ ref('contact_activity_days') }}
where kind not in ('email_open', 'email_click')

union all

select
    contact_id,
    case status when 'placed' then 'ordered' else 'given back' end as kind,
    occurred_at,
    effective_at as known_at
from {{ ref('orders') }}
where status in ('placed', 'cancelled', 'refunded') and contact_id is not null
