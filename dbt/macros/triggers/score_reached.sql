{#- A trigger: a contact's score reaches a level of seeds/engagement_levels.csv, by the weights and half-lives of
    seeds/engagement_weights.csv. It fires on what brings the score up to it, and not again before the score has fallen below.

    level  its name: 'hot'
    since  how long before the tick what is found may lie. A wait needs its timeout, and its lookback
    among  a CTE with contact_id: of nobody else it is worked out, as who waits at a step

        with hot as (select * from {{ score_reached('hot') }})
        select * from {{ entries('hot', reentry='after 90 days') }}

        with waiting as (select contact_id from {{ ref('lead_nurturing__invitation') }} where …),
        hot as (select *, reached_at as effective_at from {{ score_reached('hot', since='7 days', among='waiting') }})
        select arrivals.* from {{ arrivals_after_event(ref('lead_nurturing__invitation'), 'hot', timeout='7 days') }}

    It looks back over var engagement_history. What counts is what became known by then, that of contacts that were merged into
    this one from the merge on.
-#}
{% macro score_reached(level, since='0 days', among=none) -%}
    {%- set earliest = tick_start() ~ " - interval '" ~ since ~ "'" -%}
    (
        with asked as (
            {%- if among %}
            select distinct known_as.contact_id
            from (
                {{ contacts_over_time(among) }}
            ) as known_as
            {%- else %}
            select distinct heard.contact_id
            from {{ spoken_by_contacts(earliest) }} as heard
            {%- endif %}
        ),

        people as (
            {{ people_of('asked') }}
        ),

        -- the history of these alone, which is all that has to be read of it
        spoken as (
            select
                spoken.contact_id,
                spoken.occurred_at,
                spoken.effective_at,
                weights.weight,
                weights.half_life_days
            from {{ spoken_by_contacts(earliest ~ " - interval '" ~ var('engagement_history') ~ "'", among='people') }} as spoken
            inner join {{ ref('engagement_weights') }} as weights on spoken.kind = weights.kind
        ),

        -- only what speaks for somebody can bring a score up
        latest as (
            select
                contact_id,
                effective_at,
                max(occurred_at) as occurred_at
            from spoken
            where effective_at >= {{ earliest }} and effective_at < {{ tick_end() }} and weight > 0
            group by contact_id, effective_at
        ),

        -- by themselves first: else everybody might be compared with the times of everybody's events
        of_people as materialized (
            select
                people.contact_id,
                people.since,
                spoken.occurred_at,
                spoken.effective_at,
                spoken.weight,
                spoken.half_life_days
            from people
            inner join spoken on people.member_id = spoken.contact_id
        ),

        scored as (
            select
                latest.contact_id,
                latest.effective_at,
                latest.occurred_at,
                round(sum({{ decayed_points() }}), 6) as score,
                round(sum(
                    case when earlier.effective_at < latest.effective_at then {{ decayed_points() }} else 0 end
                ), 6) as score_before
            from latest
            inner join of_people as earlier
                on
                    latest.contact_id = earlier.contact_id
                    and latest.effective_at >= earlier.since
                    and latest.effective_at >= earlier.effective_at
                    and latest.effective_at - interval '{{ var("engagement_history") }}' < earlier.effective_at
            group by latest.contact_id, latest.effective_at, latest.occurred_at
        )

        select
            scored.contact_id,
            '{{ level }} at ' || cast(scored.effective_at as varchar) as entry_key,
            scored.effective_at as reached_at,
            scored.occurred_at
        from scored
        inner join {{ ref('engagement_levels') }} as levels on levels.level = '{{ level }}'
        where scored.score >= levels.at_least and scored.score_before < levels.at_least
    )
{%- endmacro %}
