{{ config(event_time='known_at', access='protected') }}

-- Touches share the credit by what would be lost without their like, as was learnt by the midnight before. Something that is too
-- new to be known counts like the others of its path; several touches of a kind share what is that kind's.
with touches as (
    select *
    from {{ ref('conversion_touchpoints') }}
    where {{ in_tick('known_at') }}
),

weighted as (
    select
        touches.conversion_id,
        touches.touch_id,
        touches.touched_at,
        touches.known_at,
        coalesce(effects.removal_effect, avg(effects.removal_effect) over (partition by touches.conversion_id))
        / count(*) over (partition by touches.conversion_id, touches.state) as weight
    from {{ counted_states('touches', "date_trunc('day', touches.known_at)") }} as touches
    left join {{ ref('markov_effects') }} as effects
        on
            date_trunc('day', touches.known_at) = effects.fitted_at
            and touches.state = effects.state
            and effects.fitted_at >= date_trunc('day', {{ tick_start() }})
            and effects.fitted_at < {{ tick_end() }}
)

{{ shares_by_weight('weighted') }}
