{{ config(materialized='view') }}

-- Who came to each segment and who went, and who belongs to it now: the rows behind segment_sizes.
select
    segment,
    contact_id,
    cast(changed_at as date) as day,
    changed_at,
    change in ('entered', 'ruled in') as has_joined,
    change in ('ruled in', 'ruled out') as is_redefined,
    change in ('entered', 'ruled in')
    and row_number() over (partition by segment, contact_id order by changed_at desc) = 1 as belongs_now
from {{ ref('segment_changes') }}
