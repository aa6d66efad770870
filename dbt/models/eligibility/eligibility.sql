{{ config(materialized='view', access='public') }}

-- Who may be written to by which channel about what, as of the last tick.
with latest as (
    select *
    from {{ ref('eligibility_by_channel') }}
    qualify row_number() over (partition by contact_id, channel, topic order by tick_end desc) = 1
)

select
    contact_id,
    channel,
    topic,
    address,
    is_reachable,
    unreachable_reason,
    is_consented,
    suppressed_until,
    suppression_reason,
    timezone,
    locale,
    is_erased,
    tick_end as changed_at
from latest
where unreachable_reason is distinct from 'merged away'
