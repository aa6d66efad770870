{#- A trigger: nothing has happened any more for a period. It fires once for each time that somebody falls silent.

    events  a CTE or relation with contact_id, occurred_at and effective_at
    period  '21 days'

    Silent is the person: an event of anybody who has been merged with them by then breaks the silence.

        with visits as (select * from {{ ref('events') }} where type = 'page'),
        silent as (select * from {{ silence_after('visits', '21 days') }})
        select * from {{ entries('silent', reentry='after 90 days') }}
-#}
{% macro silence_after(events, period) -%}
    (
        with last_heard as (
            select
                contact_id,
                effective_at,
                max(occurred_at) + interval '{{ period }}' as occurred_at,
                effective_at + interval '{{ period }}' as reached_at
            from {{ events }}
            where {{ in_tick('effective_at', after=period) }}
            group by contact_id, effective_at
        ),

        by_person as (
            select * from {{ with_surviving_contacts('last_heard', 'last_heard.reached_at') }}
        ),

        people as (
            {{ people_of('by_person') }}
        ),

        -- by themselves first: else everybody might be compared with the times of everybody's events
        of_people as materialized (
            select
                people.contact_id,
                people.since,
                later.effective_at
            from people
            inner join {{ events }} as later on people.member_id = later.contact_id
            where
                later.effective_at >= {{ tick_start() }} - interval '{{ period }}'
                and later.effective_at < {{ tick_end() }}
        ),

        heard_again as (
            select distinct
                by_person.contact_id,
                by_person.effective_at
            from by_person
            inner join of_people as later
                on
                    by_person.contact_id = later.contact_id
                    and by_person.reached_at >= later.since
                    and by_person.effective_at < later.effective_at
                    and by_person.reached_at >= later.effective_at
        )

        select
            by_person.contact_id,
            'silent at ' || cast(by_person.reached_at as varchar) as entry_key,
            by_person.reached_at,
            max(by_person.occurred_at) as occurred_at
        from by_person
        left join heard_again
            on by_person.contact_id = heard_again.contact_id and by_person.effective_at = heard_again.effective_at
        where heard_again.contact_id is null
        group by by_person.contact_id, by_person.reached_at
    )
{%- endmacro %}
