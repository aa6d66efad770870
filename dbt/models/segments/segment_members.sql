{{ config(materialized='view', access='public') }}

-- Who belongs to which segment, and who did.
with stays as (
    select
        segment,
        contact_id,
        change,
        changed_at as entered_at,
        lead(changed_at) over (partition by segment, contact_id order by changed_at) as left_at
    from {{ ref('segment_changes') }}
)

select
    segment,
    contact_id,
    entered_at,
    left_at
from stays
where change in ('entered', 'ruled in')
