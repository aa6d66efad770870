{#- A trigger: something has happened so many times within a period. It fires on the event that makes the number full, and not
    again before the number has fallen below it.

    events  a CTE or relation with contact_id, occurred_at and effective_at
    times   how many
    within  the period: '7 days'

    Events are counted by when they became known, so that the size of the tick does not matter. Those of a contact that was
    merged into another count for that one from the merge on.

        with views as (select * from {{ ref('events') }} where event = 'Product Viewed'),
        keen as (select * from {{ counted_events('views', times=3, within='7 days') }})
        select * from {{ entries('keen', reentry='after 30 days') }}
-#}
{% macro counted_events(events, times, within) -%}
    (
        with latest as (
            select
                contact_id,
                effective_at,
                max(occurred_at) as occurred_at
            from {{ events }}
            where {{ in_tick('effective_at') }}
            group by contact_id, effective_at
        ),

        people as (
            {{ people_of('latest') }}
        ),

        -- by themselves first: else everybody might be compared with the times of everybody's events
        of_people as materialized (
            select
                people.contact_id,
                people.since,
                earlier.effective_at
            from people
            inner join {{ events }} as earlier on people.member_id = earlier.contact_id
            where
                earlier.effective_at > {{ tick_start() }} - interval '{{ within }}'
                and earlier.effective_at < {{ tick_end() }}
        ),

        counted as (
            select
                latest.contact_id,
                latest.effective_at,
                latest.occurred_at,
                count(*) as times,
                sum(case when earlier.effective_at < latest.effective_at then 1 else 0 end) as times_before
            from latest
            inner join of_people as earlier
                on
                    latest.contact_id = earlier.contact_id
                    and latest.effective_at >= earlier.since
                    and latest.effective_at >= earlier.effective_at
                    and latest.effective_at - interval '{{ within }}' < earlier.effective_at
            group by latest.contact_id, latest.effective_at, latest.occurred_at
        )

        select
            contact_id,
            'full at ' || cast(effective_at as varchar) as entry_key,
            effective_at as reached_at,
            occurred_at
        from counted
        where times >= {{ times }} and times_before < {{ times }}
    )
{%- endmacro %}
