{{ config(event_time='as_of') }}

-- Whether a score tells what people do next: at each midnight, the levels as they stood a horizon ago, and who has ordered since.
-- What is expected of a level is what it did in the horizon before. Who was known and had no points is a level of their own: a
-- score is worth nothing if those of whom it knows nothing order as much as the others.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

periods as (
    select
        as_of,
        as_of - interval '{{ var("score_horizon") }}' as scored_at,
        as_of as until_at,
        true as is_latest
    from midnights
    union all
    select
        as_of,
        as_of - interval '{{ var("score_horizon") }}' - interval '{{ var("score_horizon") }}' as scored_at,
        as_of - interval '{{ var("score_horizon") }}' as until_at,
        false as is_latest
    from midnights
),

points as (
    select
        periods.as_of,
        periods.scored_at,
        periods.until_at,
        periods.is_latest,
        points.contact_id,
        weights.weight * pow(0.5, epoch(periods.scored_at - points.occurred_at) / (weights.half_life_days * 86400)) as points
    from {{ ref('engagement_points') }} as points
    inner join periods
        on
            points.known_at >= periods.scored_at - interval '{{ var("engagement_history") }}'
            and points.known_at < periods.scored_at
    inner join {{ ref('engagement_weights') }} as weights on points.kind = weights.kind
    where points.known_at < {{ tick_end() }}
),

scored as (
    select
        people.as_of,
        people.is_latest,
        people.contact_id,
        -- the last digits depend on the order in which sums are made
        round(sum(people.points), 6) as score
    from {{ with_surviving_contacts('points', 'points.until_at - interval 1 microsecond') }} as people
    group by people.as_of, people.is_latest, people.contact_id
),

placed as (
    select
        periods.as_of,
        periods.until_at,
        periods.is_latest,
        orders.contact_id
    from {{ ref('orders') }} as orders
    inner join periods on orders.effective_at >= periods.scored_at and orders.effective_at < periods.until_at
    where orders.status = 'placed' and orders.contact_id is not null and orders.effective_at < {{ tick_end() }}
),

ordered as (
    select
        people.as_of,
        people.is_latest,
        people.contact_id,
        count(*) as orders
    from {{ with_surviving_contacts('placed', 'placed.until_at - interval 1 microsecond') }} as people
    group by people.as_of, people.is_latest, people.contact_id
),

known as (
    select distinct
        periods.as_of,
        periods.until_at,
        periods.is_latest,
        versions.contact_id
    from {{ ref('contact_profile_versions') }} as versions
    inner join periods on versions.valid_from < periods.scored_at
    where versions.valid_from < {{ tick_end() }}
),

everybody as (
    select distinct
        people.as_of,
        people.is_latest,
        people.contact_id
    from {{ with_surviving_contacts('known', 'known.until_at - interval 1 microsecond') }} as people
),

contacts as (
    select
        scored.as_of,
        scored.is_latest,
        scored.contact_id,
        {{ last_by('levels.level', 'levels.at_least') }} as level,
        max(levels.at_least) as at_least
    from scored
    inner join {{ ref('engagement_levels') }} as levels on scored.score >= levels.at_least
    group by scored.as_of, scored.is_latest, scored.contact_id
    union all
    select
        everybody.as_of,
        everybody.is_latest,
        everybody.contact_id,
        'no points' as level,
        cast(null as double) as at_least
    from everybody
    left join scored
        on
            everybody.as_of = scored.as_of
            and everybody.is_latest = scored.is_latest
            and everybody.contact_id = scored.contact_id
    where scored.contact_id is null
),

fared as (
    select
        contacts.as_of,
        contacts.is_latest,
        contacts.level,
        contacts.at_least,
        count(*) as contacts,
        count(ordered.contact_id) as ordered,
        cast(coalesce(sum(ordered.orders), 0) as bigint) as orders
    from contacts
    left join ordered
        on
            contacts.as_of = ordered.as_of
            and contacts.is_latest = ordered.is_latest
            and contacts.contact_id = ordered.contact_id
    group by contacts.as_of, contacts.is_latest, contacts.level, contacts.at_least
),

rates as (
    select
        *,
        cast(ordered as double) / contacts as order_rate,
        cast(sum(ordered) over (partition by as_of, is_latest) as double)
        / sum(contacts) over (partition by as_of, is_latest) as base_rate
    from fared
)

select
    latest.as_of,
    latest.as_of - interval '{{ var("score_horizon") }}' as scored_at,
    latest.level,
    latest.at_least,
    latest.contacts,
    latest.ordered,
    latest.orders,
    latest.order_rate,
    earlier.order_rate as expected_rate,
    earlier.order_rate * latest.contacts as expected_ordered,
    latest.base_rate,
    latest.order_rate / nullif(latest.base_rate, 0) as lift
from rates as latest
left join rates as earlier
    on latest.as_of = earlier.as_of and latest.level = earlier.level and not earlier.is_latest
where latest.is_latest
