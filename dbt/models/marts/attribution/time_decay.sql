{{ config(event_time='known_at', access='protected') }}

-- The nearer to the order a touch is, the more of the credit it has: half as much with each half-life that lies between.
with weighted as (
    select
        conversion_id,
        touch_id,
        touched_at,
        known_at,
        pow(
            0.5, epoch(converted_at - touched_at) / epoch({{ stated_period('time_decay_half_life') }})
        ) as weight
    from {{ ref('conversion_touchpoints') }}
    where {{ in_tick('known_at') }}
)

{{ shares_by_weight('weighted') }}
