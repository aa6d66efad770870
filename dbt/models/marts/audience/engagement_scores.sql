{{ config(materialized='view') }}

-- How interested each contact is, as of the last tick: all that speaks for it and against it, less the longer ago it is.
with last_tick as (
    select max(tick_end) as as_of
    from {{ source('engine', 'windows') }}
    where scope = 'contacts' and succeeded
),

points as (
    select
        points.contact_id,
        points.kind,
        points.occurred_at,
        last_tick.as_of,
        weights.weight * pow(0.5, epoch(last_tick.as_of - points.occurred_at) / (weights.half_life_days * 86400)) as points
    from {{ ref('engagement_points') }} as points
    inner join {{ ref('engagement_weights') }} as weights on points.kind = weights.kind
    cross join last_tick
    where points.known_at >= last_tick.as_of - interval '{{ var("engagement_history") }}' and points.known_at < last_tick.as_of
),

people as (
    select *
    from {{ with_surviving_contacts('points', 'points.as_of - interval 1 microsecond') }} as followed
),

by_kind as (
    select
        contact_id,
        kind,
        sum(points) as points
    from people
    group by contact_id, kind
),

made_up as (
    select
        contact_id,
        string_agg(format('{} {:+.1f}', kind, points), ', ' order by abs(round(points, 1)) desc, kind asc) as made_up_of
    from by_kind
    group by contact_id
),

scored as (
    select
        contact_id,
        as_of,
        -- the last digits depend on the order in which sums are made
        round(sum(points), 6) as score,
        round(sum(points) filter (where points > 0), 6) as points_for,
        round(sum(points) filter (where points < 0), 6) as points_against,
        max(occurred_at) filter (where points > 0) as last_engaged_at,
        count(*) filter (where points > 0 and occurred_at >= as_of - interval '30 days') as engagements_in_30_days,
        count(distinct cast(occurred_at as date)) filter (
            where points > 0 and occurred_at >= as_of - interval '30 days'
        ) as engaged_days_in_30_days
    from people
    group by contact_id, as_of
)

select
    scored.contact_id,
    scored.score,
    coalesce(scored.points_for, 0) as points_for,
    coalesce(scored.points_against, 0) as points_against,
    {{ last_by('levels.level', 'levels.at_least') }} as level,
    made_up.made_up_of,
    scored.last_engaged_at,
    date_diff('day', scored.last_engaged_at, scored.as_of) as recency_days,
    scored.engagements_in_30_days,
    scored.engaged_days_in_30_days,
    scored.as_of
from scored
inner join made_up on scored.contact_id = made_up.contact_id
left join {{ ref('engagement_levels') }} as levels on scored.score >= levels.at_least
group by all
