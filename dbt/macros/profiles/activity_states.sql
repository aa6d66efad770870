{#- How active contacts have been by each moment. Days that are new in this tick are counted on top of what was known before;
    of contacts into whom somebody was merged all days are counted again. One row per contact and moment, of contacts with days.
    `moments`, `members` and `merged` are CTEs of contact_profile_versions, `activity_days` a relation. -#}
{% macro activity_states(moments, members, merged, activity_days) -%}
    with days as (
        select
            contact_id,
            active_on,
            kind,
            occurred_at,
            effective_at as known_at
        from {{ activity_days }}
        where
            {{ in_tick('effective_at') }}
            and contact_id not in (select contact_id from {{ merged }})

        union all

        select
            members.contact_id,
            activity.active_on,
            activity.kind,
            activity.occurred_at,
            greatest(activity.effective_at, members.member_since) as known_at
        from {{ activity_days }} as activity
        inner join {{ members }} as members on activity.contact_id = members.member_id
        where
            activity.effective_at < {{ tick_end() }}
            and members.contact_id in (select contact_id from {{ merged }})
    ),

    -- mail programs open mail by themselves: that is no sign of an active contact
    sorted_out as (
        select
            contact_id,
            known_at,
            occurred_at,
            case when kind <> 'email_open' then active_on end as active_on,
            case when kind <> 'email_open' then occurred_at end as active_at,
            case when kind in ('email_open', 'email_click') then occurred_at end as engaged_at
        from days
    ),

    days_in_question as (
        select distinct
            members.contact_id,
            members.member_id,
            sorted_out.active_on
        from sorted_out
        inner join {{ members }} as members on sorted_out.contact_id = members.contact_id
        where
            sorted_out.active_on is not null
            and sorted_out.contact_id not in (select contact_id from {{ merged }})
    ),

    known_before as (
        select distinct
            days_in_question.contact_id,
            days_in_question.active_on
        from {{ activity_days }} as earlier
        inner join days_in_question
            on
                earlier.contact_id = days_in_question.member_id
                and earlier.active_on = days_in_question.active_on
        where
            earlier.effective_at < {{ tick_start() }}
            and earlier.kind <> 'email_open'
    ),

    timeline as (
        select
            sorted_out.*,
            cast(
                sorted_out.active_on is not null
                and known_before.active_on is null
                and row_number() over (
                    partition by sorted_out.contact_id, sorted_out.active_on
                    order by sorted_out.known_at, sorted_out.occurred_at
                ) = 1
                as integer
            ) as new_days
        from sorted_out
        left join known_before
            on
                sorted_out.contact_id = known_before.contact_id
                and sorted_out.active_on = known_before.active_on

        union all by name

        select
            contact_id,
            moment,
            moment as known_at
        from {{ moments }}
        where contact_id in (select contact_id from sorted_out)
    ),

    so_far as (
        select
            contact_id,
            moment,
            sum(new_days) over so_far as new_days,
            max(active_at) over so_far as last_active_at,
            max(engaged_at) over so_far as last_email_engaged_at,
            min(occurred_at) over so_far as first_told_at
        from timeline
        window so_far as (partition by contact_id order by known_at range between unbounded preceding and current row)
    )

    select *
    from so_far
    where moment is not null
{%- endmacro %}
