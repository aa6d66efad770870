{#- What segments of what contacts do look at, in the place of changed_profiles: its columns, and of each relation of events
    <name>_count, how many there have been by then; and, where asked for, <name>_latest, what the latest of them carried.
    There is a row wherever a count changes, also where an event gets too old to be counted, so that member() need only say
    `when`: conditions on counts and on the profile go together as SQL has it.

    events  names of CTEs or relations with contact_id, occurred_at and effective_at, and the period that each is counted
            over ('14 days'), or none for all time. Without a period everything ever is read again
    latest  those of them whose latest is asked for; they have properties, too

    Events are counted by when they happened, from when they are known: one that is known late enters with its own age. One is
    too old as soon as the period is over. Those of a contact that was merged into another count for that one from the merge on.

        with views as (select * from {{ ref('events') }} where event = 'Product Viewed'),
        browsing as (select * from {{ profiles_with_events({'views': '14 days'}) }})
        select contact_id, valid_from, {{ member(when='views_count >= 3') }} from browsing
-#}
{% macro profiles_with_events(events, latest=[]) -%}
    {%- for name in latest if name not in events -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": latest asks for '" ~ name ~ "', which is not among the events. Known: " ~ events | join(', ') ~ "."
        ) -%}
    {%- endfor -%}
    (
        with happened as (
            {%- for name, within in events.items() %}
            select
                contact_id,
                effective_at as moment
            from {{ name }}
            where {{ in_tick('effective_at') }}

            union
            {%- if within %}

            -- too old from here on
            select
                contact_id,
                occurred_at + interval '{{ within }}' as moment
            from {{ name }}
            where
                {{ in_tick('occurred_at', after=within) }}
                and effective_at >= {{ tick_start() }} - interval '{{ within }}'
                and effective_at < {{ tick_end() }}

            union
            {%- endif %}
            {%- endfor %}

            select
                into_contact_id as contact_id,
                merged_at as moment
            from {{ ref('contact_merges') }}
            where {{ in_tick('merged_at') }}
        ),

        moments as (
            select
                contact_id,
                moment
            from {{ with_surviving_contacts('happened', 'happened.moment') }}

            union

            select
                contact_id,
                greatest(valid_from, {{ tick_start() }}) as moment
            from {{ ref('changed_profiles') }}
        ),

        profiles as (
            select
                {{ columns_except('known', ['asked_at', 'valid_from']) }},
                known.asked_at as valid_from,
                known.asked_at as counted_at
            from {{ profile_at('moments', 'moment') }} as known

            union all by name

            -- and as they were before the tick, to be compared with
            select
                before_tick.*,
                {{ tick_start() }} - interval '1 microsecond' as counted_at
            from {{ profile_before('moments', tick_start()) }} as before_tick
        ),

        people as (
            {{ people_of('profiles') }}
        ),
        {%- for name, within in events.items() %}

        -- by themselves first: else everybody might be compared with the times of everybody's events
        of_people_{{ name }} as materialized (
            select
                people.contact_id,
                greatest(happened.effective_at, people.since) as counts_from,
                happened.occurred_at,
                {%- if name in latest %}
                happened.properties,
                {%- endif %}
                happened.effective_at
            from people
            inner join {{ name }} as happened on people.member_id = happened.contact_id
            where
                happened.effective_at < {{ tick_end() }}
                {%- if within %}
                and happened.effective_at >= {{ tick_start() }} - interval '{{ within }}'
                {%- endif %}
        ),

        counted_{{ name }} as (
            select
                profiles.contact_id,
                profiles.counted_at,
                {%- if name in latest %}
                {{ last_by('happened.properties', "(happened.occurred_at, happened.effective_at, cast(happened.properties as varchar))") }} as latest,
                {%- endif %}
                count(*) as times
            from profiles
            inner join of_people_{{ name }} as happened
                on
                    profiles.contact_id = happened.contact_id
                    and profiles.counted_at >= happened.counts_from
                    {%- if within %}
                    and profiles.counted_at - interval '{{ within }}' < happened.occurred_at
                    {%- endif %}
            group by profiles.contact_id, profiles.counted_at
        ){{ ',' if not loop.last }}
        {%- endfor %}

        select
            {%- for name in events %}
            coalesce(counted_{{ name }}.times, 0) as {{ name }}_count,
            {%- if name in latest %}
            counted_{{ name }}.latest as {{ name }}_latest,
            {%- endif %}
            {%- endfor %}
            profiles.*
        from profiles
        {%- for name in events %}
        left join counted_{{ name }}
            on
                profiles.contact_id = counted_{{ name }}.contact_id
                and profiles.counted_at = counted_{{ name }}.counted_at
        {%- endfor %}
    )
{%- endmacro %}
