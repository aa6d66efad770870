{{ config(event_time='known_at', access='protected') }}

-- Touches share the credit by what their like added to the others of the path, as was learnt by the midnight before; what kept
-- people from buying has none. Several touches of a kind share what is that kind's.
with met_with as (
    select *
    from {{ ref('conversion_touchpoints') }}
    where {{ in_tick('known_at') }}
),

touches as (
    select * from {{ counted_states('met_with', "date_trunc('day', touches.known_at)") }} as touches
),

coalitions as (
    select
        conversion_id,
        array_to_string(list_sort(list(distinct state)), ' + ') as coalition
    from touches
    group by conversion_id
),

weighted as (
    select
        touches.conversion_id,
        touches.touch_id,
        touches.touched_at,
        touches.known_at,
        coalesce(greatest(valued.value, 0), 0)
        / count(*) over (partition by touches.conversion_id, touches.state) as weight
    from touches
    inner join coalitions on touches.conversion_id = coalitions.conversion_id
    left join {{ ref('shapley_values') }} as valued
        on
            date_trunc('day', touches.known_at) = valued.fitted_at
            and coalitions.coalition = valued.coalition
            and touches.state = valued.state
            and valued.fitted_at >= date_trunc('day', {{ tick_start() }})
            and valued.fitted_at < {{ tick_end() }}
)

{{ shares_by_weight('weighted') }}
