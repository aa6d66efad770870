{#- A trigger: a date comes up, at a time of day where the contact lives: a birthday, an anniversary, a renewal.

    dates       a CTE or relation with contact_id, timezone, on_date, and known_from and known_until: while that was the date;
                profile_dates('birth_date') gives those of the profiles
    yearly      each year anew, from the year after it (the 29 February on the 28th in other years); else only on the day
    before      so long ahead: '7 days'
    local_time  '09:00'

    It fires if the date is known at that moment. Who tells us a date when it has passed waits for the next.

        with birthdays as (select * from {{ date_comes_up(profile_dates('birth_date'), before='3 days') }})
        select * from {{ entries('birthdays', reentry='per key') }}
-#}
{% macro date_comes_up(dates, yearly=true, before='0 days', local_time='09:00') -%}
    (
        with days as (
            select
                contact_id,
                timezone,
                known_from,
                known_until,
                {%- if yearly %}
                on_date as first_date,
                unnest([
                    cast(on_date + to_years(cast(this_year - year(on_date) as integer)) as date)
                    for this_year in range(
                        year({{ tick_start() }} - interval '2 days'),
                        year({{ tick_end() }} + interval '2 days' + interval '{{ before }}') + 1
                    )
                ]) as on_date
                {%- else %}
                cast(null as date) as first_date,
                on_date
                {%- endif %}
            from {{ dates }} as dates
        ),

        moments as (
            select
                contact_id,
                on_date,
                known_from,
                known_until,
                {{ from_local_time("on_date - interval '" ~ before ~ "' + interval '" ~ local_time ~ ":00'", 'timezone') }} as moment
            from days
            where
                (first_date is null or on_date > first_date)
                -- a zone is never more than a day away
                and on_date >= {{ tick_start() }} + interval '{{ before }}' - interval '2 days'
                and on_date < {{ tick_end() }} + interval '{{ before }}' + interval '2 days'
        )

        select
            contact_id,
            cast(on_date as varchar) as entry_key,
            moment as reached_at,
            moment as occurred_at,
            on_date
        from moments
        where
            {{ in_tick('moment') }}
            and moment >= known_from
            and moment < known_until
    )
{%- endmacro %}
