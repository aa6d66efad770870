{{ config(event_time='known_at', access='protected') }}

-- Every touch within the attribution window before the order has the same credit.
with weighted as (
    select
        conversion_id,
        touch_id,
        touched_at,
        known_at,
        1 as weight
    from {{ ref('conversion_touchpoints') }}
    where {{ in_tick('known_at') }}
)

{{ shares_by_weight('weighted') }}
