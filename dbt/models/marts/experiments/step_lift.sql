{{ config(materialized='view') }}

-- What single steps add, at which some are held out (`send(…, holdout=…)`): of all who reached the step, those who were to
-- get its message beside those who were not, whatever the gate made of it, and what they reached of the goal from then on.
with entered as (
    select * from {{ assigned(at_steps=true) }} as assigned
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

goals as (
    select * from {{ holdout_goals('everybody') }} as reached
),

{{ lift_of('everybody', 'goals', ['workflow', 'step']) }},

{{ awaited('lifts', people='treated + held_out') }}

select
    workflow,
    step,
    {{ lift_columns() }},
    {{ lift_verdict() }},
    {{ last_tick_end() }} as as_of
from awaited
