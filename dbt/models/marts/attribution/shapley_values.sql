{{ config(event_time='fitted_at') }}

-- What each state adds to the states that people met with, whatever their order: the Shapley value of a game whose coalitions are
-- the sets of states of the paths, and are worth the share of their paths that led to an order. It is exact by the subsets that
-- are worth anything; of large coalitions it is the mean over orders drawn by hash, and says how far off that may be.
with coalitions_of_paths as (
    select
        fitted_at,
        list_sort(list(distinct state)) as states,
        bool_or(converted) as converted
    from {{ journeys() }} as journeys
    group by fitted_at, journey_id
),

coalitions as (
    select
        fitted_at,
        states,
        len(states) as size,
        count(*) as journeys,
        count(*) filter (where converted) as conversions,
        count(*) filter (where converted) / count(*) as worth
    from coalitions_of_paths
    group by fitted_at, states
    having bool_or(converted)
),

members as (
    select
        fitted_at,
        states,
        size,
        unnest(states) as state
    from coalitions
),

numbers as (
    select unnest(generate_series(0, {{ counted_number('shapley_exact_states', 1) }})) as number
),

-- n! overflows long before it is too much
factorials as (
    select
        number,
        sum(coalesce(ln(nullif(number, 0)), 0)) over (order by number) as log_factorial
    from numbers
),

-- only those are compared that have the subset's first state in common
subsets as (
    select
        members.fitted_at,
        members.states,
        members.size,
        part.states as part,
        part.size as part_size,
        part.worth
    from members
    inner join coalitions as part
        on
            members.fitted_at = part.fitted_at
            and members.state = list_extract(part.states, 1)
            and members.size >= part.size
            and list_has_all(members.states, part.states)
    where members.size <= {{ counted_number('shapley_exact_states', 1) }}
),

weighed as (
    select
        subsets.*,
        exp(smaller.log_factorial + without.log_factorial - whole.log_factorial) as weight_within,
        -exp(same.log_factorial + fewer.log_factorial - whole.log_factorial) as weight_without
    from subsets
    inner join factorials as whole on subsets.size = whole.number
    inner join factorials as smaller on subsets.part_size - 1 = smaller.number
    inner join factorials as without on subsets.size - subsets.part_size = without.number
    inner join factorials as same on subsets.part_size = same.number
    -- the whole lacks nobody
    left join factorials as fewer on subsets.size - subsets.part_size - 1 = fewer.number
),

exact as (
    select
        members.fitted_at,
        members.states,
        members.state,
        sum(
            weighed.worth
            * case when list_contains(weighed.part, members.state) then weighed.weight_within else weighed.weight_without end
        ) as value,
        0.0 as standard_error
    from members
    inner join weighed on members.fitted_at = weighed.fitted_at and members.states = weighed.states
    group by members.fitted_at, members.states, members.state
),

draws as (
    select unnest(generate_series(1, {{ counted_number('shapley_samples', 2) }})) as draw
),

places as (
    select
        members.*,
        draws.draw,
        row_number() over (
            partition by members.fitted_at, members.states, draws.draw
            order by {{ stable_hash(['draws.draw', 'members.state']) }}, members.state
        ) as place
    from members
    cross join draws
    where members.size > {{ counted_number('shapley_exact_states', 1) }}
),

-- each order that is drawn is begun at each of its states, so that none comes late or early by chance
turns as (
    select
        *,
        unnest(generate_series(1, size)) as turn
    from places
),

growing as (
    select
        fitted_at,
        states,
        state,
        draw,
        list_sort(list(state) over (
            partition by fitted_at, states, draw, turn
            order by (place + turn) % size
            rows between unbounded preceding and current row
        )) as joined
    from turns
),

drawn as (
    select
        growing.fitted_at,
        growing.states,
        growing.state,
        growing.draw,
        avg(coalesce(after.worth, 0) - coalesce(before.worth, 0)) as value
    from growing
    left join coalitions as after on growing.fitted_at = after.fitted_at and growing.joined = after.states
    left join coalitions as before
        on
            growing.fitted_at = before.fitted_at
            and list_filter(growing.joined, lambda joined: joined <> growing.state) = before.states
    group by growing.fitted_at, growing.states, growing.state, growing.draw
),

sampled as (
    select
        fitted_at,
        states,
        state,
        avg(value) as value,
        stddev_samp(value) / sqrt(count(*)) as standard_error
    from drawn
    group by fitted_at, states, state
),

valued as (
    select
        *,
        false as is_sampled
    from exact
    union all
    select
        *,
        true as is_sampled
    from sampled
)

select
    valued.fitted_at,
    array_to_string(valued.states, ' + ') as coalition,
    valued.state,
    -- the last digits depend on the order in which sums were made
    round(valued.value, 12) as value,
    round(valued.standard_error, 12) as standard_error,
    valued.is_sampled,
    coalitions.journeys,
    coalitions.conversions
from valued
inner join coalitions on valued.fitted_at = coalitions.fitted_at and valued.states = coalitions.states
