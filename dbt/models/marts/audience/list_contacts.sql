{{ config(materialized='view') }}

-- Who came to each list and who went, and why: the contacts behind list_growth, of each number the first.
select
    day,
    channel,
    topic,
    became,
    contact_id
from {{ ref('list_changes') }}
where
    place <= {{ var('listed_contacts') }}
    -- all of it is published each tick
    and as_of > (select max(ticks.tick_end) from {{ ref('ticks') }} as ticks) - interval '{{ var("listed_history") }}'
