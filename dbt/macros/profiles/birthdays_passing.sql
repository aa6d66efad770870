{#- The midnights within the tick at which a birthday has passed, by any birth date that was ever stated of a contact.
    `members` is the CTE of contact_profile_versions, the rest relations. One row per contact and moment. -#}
{% macro birthdays_passing(members, details, merges) -%}
    with birth_dates as (
        select distinct
            members.contact_id,
            details.birth_date
        from {{ details }} as details
        inner join {{ members }} as members on details.contact_id = members.member_id
        where
            details.effective_at < {{ tick_end() }}
            and details.birth_date is not null
    ),

    birthdays as (
        select
            contact_id,
            unnest([
                birth_date + to_years(cast(this_year - year(birth_date) as integer)) + interval '1 day'
                for this_year in range(year({{ tick_start() }}) - 1, year({{ tick_end() }}) + 1)
            ]) as moment
        from birth_dates
    )

    select distinct
        contact_id,
        moment
    from birthdays
    where
        {{ in_tick('moment') }}
        and not exists (
            select 1
            from {{ merges }} as followed
            where
                followed.contact_id = birthdays.contact_id
                and followed.merged_at <= birthdays.moment
        )
{%- endmacro %}
