{{ config(materialized='view') }}

-- What each workflow adds: the people that it treats beside those that it holds out by chance. People are compared, not
-- enrollments, since it is people that were drawn; and by what they were drawn for, whether or not a message reached them.
with entered as (
    select * from {{ assigned() }} as assigned
),

everybody as (
    select * from {{ holdout_people('entered') }} as drawn
),

goals as (
    select * from {{ holdout_goals('everybody') }} as reached
),

{{ lift_of('everybody', 'goals', ['workflow']) }},

{{ awaited('lifts', people='treated + held_out') }}

select
    workflow,
    {{ lift_columns() }},
    {{ lift_verdict() }},
    {{ last_tick_end() }} as as_of
from awaited
