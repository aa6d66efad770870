{{ config(event_time='known_at', access='protected') }}

-- All the credit goes to the first touch before the order that lies within the attribution window.
select
    conversion_id,
    touch_id,
    known_at,
    cast(1 as decimal(9, 8)) as share
from {{ ref('conversion_touchpoints') }}
where {{ in_tick('known_at') }}
qualify row_number() over (partition by conversion_id order by touched_at, touch_id) = 1
