{{ config(event_time='fitted_at') }}

-- How many orders would be lost without a state: paths are a Markov chain of first order, of which each midnight learns the
-- chances anew. It is solved, not simulated: with N the inverse of (I - Q), found by elimination, a state is ever come to from
-- the start with the chance N[start, state] / N[state, state].
with recursive steps as (
    select
        fitted_at,
        journey_id,
        converted,
        state,
        lag(state, 1, '(start)') over journey as came_from,
        lead(state) over journey is null as is_last
    from {{ journeys() }} as journeys
    window journey as (partition by fitted_at, journey_id order by touched_at, touch_id)
),

transitions as (
    select
        fitted_at,
        came_from as from_state,
        state as to_state,
        count(*) as times
    from steps
    group by fitted_at, came_from, state
    union all
    select
        fitted_at,
        state as from_state,
        case when converted then '(order)' else '(nothing)' end as to_state,
        count(*) as times
    from steps
    where is_last
    group by fitted_at, state, converted
),

chances as (
    select
        fitted_at,
        from_state,
        to_state,
        times / sum(times) over (partition by fitted_at, from_state) as chance
    from transitions
),

-- the start is number 0
states as (
    select
        fitted_at,
        from_state as state,
        row_number() over (partition by fitted_at order by from_state <> '(start)', from_state) - 1 as number,
        count(*) over (partition by fitted_at) as states
    from chances
    group by fitted_at, from_state
),

eliminated as (
    select
        rows_of.fitted_at,
        rows_of.states,
        rows_of.number as row_of,
        columns_of.number as column_of,
        case when rows_of.number = columns_of.number then 1.0 else 0.0 end - coalesce(chances.chance, 0) as value,
        0 as turn
    from states as rows_of
    inner join states as columns_of on rows_of.fitted_at = columns_of.fitted_at
    left join chances
        on
            rows_of.fitted_at = chances.fitted_at
            and rows_of.state = chances.from_state
            and columns_of.state = chances.to_state

    union all

    select
        fitted_at,
        states,
        row_of,
        column_of,
        case
            when row_of = turn and column_of = turn then 1 / value
            when row_of = turn then value / of_both
            when column_of = turn then -value / of_both
            else value - of_column * of_row / of_both
        end as value,
        turn + 1 as turn
    from (
        select
            *,
            max(case when column_of = turn then value end) over (partition by fitted_at, row_of) as of_column,
            max(case when row_of = turn then value end) over (partition by fitted_at, column_of) as of_row,
            max(case when row_of = turn and column_of = turn then value end)
                over (partition by fitted_at) as of_both
        from eliminated
        where turn < states
    ) as around_pivot
),

visits as (
    select
        fitted_at,
        row_of,
        column_of,
        value
    from eliminated
    where turn = states
),

-- from each state, the chance that it ends with an order
ordering as (
    select
        visits.fitted_at,
        visits.row_of as number,
        sum(visits.value * coalesce(chances.chance, 0)) as chance_of_order
    from visits
    inner join states on visits.fitted_at = states.fitted_at and visits.column_of = states.number
    left join chances
        on visits.fitted_at = chances.fitted_at and states.state = chances.from_state and chances.to_state = '(order)'
    group by visits.fitted_at, visits.row_of
),

-- who comes to a state that is taken away buys nothing; the last digits depend on the order in which sums were made
effects as (
    select
        states.fitted_at,
        states.state,
        round(to_it.value / at_it.value, 12) as chance_to_reach,
        round(ordering.chance_of_order, 12) as chance_of_order,
        round(
            (to_it.value / at_it.value) * ordering.chance_of_order / nullif(from_start.chance_of_order, 0), 12
        ) as removal_effect
    from states
    inner join visits as to_it
        on states.fitted_at = to_it.fitted_at and to_it.row_of = 0 and states.number = to_it.column_of
    inner join visits as at_it
        on
            states.fitted_at = at_it.fitted_at
            and states.number = at_it.row_of
            and states.number = at_it.column_of
    inner join ordering on states.fitted_at = ordering.fitted_at and states.number = ordering.number
    inner join ordering as from_start on states.fitted_at = from_start.fitted_at and from_start.number = 0
    where states.number > 0
),

journeys_of as (
    select
        fitted_at,
        count(*) as journeys,
        count(*) filter (where converted) as conversions
    from steps
    where is_last
    group by fitted_at
),

portions as (
    select
        *,
        coalesce(
            removal_effect / nullif(sum(removal_effect) over (partition by fitted_at), 0),
            1 / count(*) over (partition by fitted_at)
        ) as portion
    from effects
)

select
    portions.fitted_at,
    portions.state,
    portions.chance_to_reach,
    portions.chance_of_order,
    coalesce(portions.removal_effect, 0) as removal_effect,
    cast({{ apportioned(
        '1', 'portions.portion', ['portions.fitted_at'], 'portions.state', digits=8
    ) }} as decimal(9, 8)) as share,
    journeys_of.journeys,
    journeys_of.conversions
from portions
inner join journeys_of on portions.fitted_at = journeys_of.fitted_at
