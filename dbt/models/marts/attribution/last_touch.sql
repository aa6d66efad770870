{{ config(event_time='known_at', access='protected') }}

-- All the credit goes to the last touch before the order.
select
    conversion_id,
    touch_id,
    known_at,
    cast(1 as decimal(9, 8)) as share
from {{ ref('conversion_touchpoints') }}
where {{ in_tick('known_at') }}
qualify row_number() over (partition by conversion_id order by touched_at desc, touch_id desc) = 1
