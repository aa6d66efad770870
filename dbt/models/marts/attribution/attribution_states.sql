{{ config(event_time='fitted_at', access='protected') }}

{% set most = counted_number('attribution_states', 2) -%}
-- Which states of touches are told apart, as of each midnight: the most frequent ones, and for the rest one for each channel (the
-- first column of attribution_state), so that no more are learnt of than attribution_states. What everybody may write into a link
-- is no limit on that.
with moments as (
    select * from {{ midnights('fitted_at') }} as midnights
),

-- as far back as a path may reach that is learnt from
counted as (
    select
        moments.fitted_at,
        {{ attribution_state() }} as state,
        {{ attribution_group() }} as state_group,
        count(*) as touches
    from {{ ref('touchpoints') }} as touches
    inner join moments
        on
            touches.known_at >= moments.fitted_at - {{ attribution_reach() }}
            and touches.known_at < moments.fitted_at
    where
        touches.known_at >= {{ tick_start() }} - {{ attribution_reach() }}
        and touches.known_at < {{ tick_end() }}
        and touches.kind in {{ quoted_list(var('attribution_kinds')) }}
    group by all
),

ranked as (
    select
        *,
        row_number() over (partition by fitted_at order by touches desc, state asc, state_group asc) as place,
        row_number() over (partition by fitted_at, state_group order by touches desc, state asc) as place_in_group,
        count(*) over (partition by fitted_at, state_group) as states_in_group
    from counted
),

-- so many are left when all from a place on are one for each group
measured as (
    select
        *,
        place + coalesce(sum(case when place_in_group = states_in_group then 1 else 0 end) over (
            partition by fitted_at
            order by place desc
            rows between unbounded preceding and 1 preceding
        ), 0) as states_left
    from ranked
),

folded as (
    select
        fitted_at,
        state_group,
        sum(touches) as touches,
        row_number() over (partition by fitted_at order by sum(touches) desc, state_group asc) as place,
        count(*) over (partition by fitted_at) as groups_folded,
        any_value(states_kept) as states_kept
    from (
        select
            *,
            count(*) filter (states_left <= {{ most }}) over (partition by fitted_at) as states_kept
        from measured
    ) as told
    where states_left > {{ most }}
    group by fitted_at, state_group
)

select
    fitted_at,
    'state' as stands_for,
    state,
    state_group,
    state as counted_as,
    cast(touches as bigint) as touches
from measured
where states_left <= {{ most }}
union all
select
    fitted_at,
    'group' as stands_for,
    cast(null as varchar) as state,
    state_group,
    {{ "concat(state_group, ' / other')" if attribution_state_columns() | length > 1 else 'state_group' }} as counted_as,
    cast(touches as bigint) as touches
from folded
where states_kept + groups_folded <= {{ most }} or place < {{ most }} - states_kept
union all
select
    fitted_at,
    'rest' as stands_for,
    cast(null as varchar) as state,
    cast(null as varchar) as state_group,
    'other' as counted_as,
    cast(sum(touches) as bigint) as touches
from folded
where states_kept + groups_folded > {{ most }} and place >= {{ most }} - states_kept
group by fitted_at
