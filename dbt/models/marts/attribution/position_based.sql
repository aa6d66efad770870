{{ config(event_time='known_at', access='protected') }}

{% set ends = position_weights() -%}
-- The first and the last touch before the order have a fixed part of the credit each; those between them share the rest.
with places as (
    select
        conversion_id,
        touch_id,
        touched_at,
        known_at,
        count(*) over (partition by conversion_id) as touches,
        row_number() over (partition by conversion_id order by touched_at, touch_id) as place
    from {{ ref('conversion_touchpoints') }}
    where {{ in_tick('known_at') }}
),

weighted as (
    select
        conversion_id,
        touch_id,
        touched_at,
        known_at,
        case
            when place = 1 then cast({{ ends.first }} as double)
            when place = touches then {{ ends.last }}
            else (1 - {{ ends.first }} - {{ ends.last }}) / (touches - 2)
        end as weight
    from places
)

{{ shares_by_weight('weighted') }}
