{#- Who contacts are: of each trait what the most trusted source said last, leaving out what does not hold water. What is only
    known from an order or a consent is believed last. One row per contact and time at which a source said something, valid
    from `since` until `until`.
    `members` is a CTE: contact_id, and each member_id whose facts count for it, from member_since on. The rest are relations. -#}
{% macro trait_states(members, details, consents, orders, order_addresses, sources, timezones) -%}
    with statements as (
        select
            members.contact_id,
            details.source,
            details.user_id,
            details.email,
            details.phone,
            details.first_name,
            details.last_name,
            details.birth_date,
            details.country,
            details.locale,
            details.timezone,
            details.occurred_at,
            greatest(details.effective_at, members.member_since) as since
        from {{ details }} as details
        inner join {{ members }} as members on details.contact_id = members.member_id
        where details.effective_at < {{ tick_end() }}

        union all by name

        select
            members.contact_id,
            'consent' as source,
            consents.email,
            consents.phone,
            consents.occurred_at,
            greatest(consents.effective_at, members.member_since) as since
        from {{ consents }} as consents
        inner join {{ members }} as members on consents.contact_id = members.member_id
        where consents.effective_at < {{ tick_end() }}

        union all by name

        select
            members.contact_id,
            'order' as source,
            addresses.email,
            addresses.phone,
            orders.country,
            orders.occurred_at,
            greatest(orders.effective_at, members.member_since) as since
        from {{ orders }} as orders
        inner join {{ members }} as members on orders.contact_id = members.member_id
        left join {{ order_addresses }} as addresses
            on
                orders.order_id = addresses.order_id
                and orders.status = addresses.status
        where orders.effective_at < {{ tick_end() }}
    ),

    valid as (
        select
            statements.contact_id,
            statements.user_id,
            statements.email,
            statements.phone,
            nullif(trim(statements.first_name), '') as first_name,
            nullif(trim(statements.last_name), '') as last_name,
            case
                when statements.birth_date between date '1900-01-01' and cast(statements.occurred_at as date)
                    then statements.birth_date
            end as birth_date,
            case when upper(statements.country) similar to '[A-Z]{2}' then upper(statements.country) end as country,
            case
                when statements.locale similar to '[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*'
                    then replace(statements.locale, '_', '-')
            end as locale,
            timezones.timezone,
            coalesce(sources.priority, 100) as priority,
            statements.occurred_at,
            statements.since
        from statements
        left join {{ sources }} as sources on statements.source = sources.source
        left join {{ timezones }} as timezones on lower(statements.timezone) = lower(timezones.timezone)
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by contact_id
                order by priority desc, occurred_at, since, {{ profile_traits() | join(', ') }}
            ) as trust
        from valid
    ),

    -- of whom all is told at one moment, as of most who are new: what is known then needs no look at what was known before
    told_at_once as (
        select contact_id
        from ranked
        group by contact_id
        having min(since) = max(since)
    )

    select
        contact_id,
        min(since) as since,
        timestamp '9999-12-31' as until,
        {%- for trait in profile_traits() %}
        max_by({{ trait }}, trust) filter (where {{ trait }} is not null) as {{ trait }},
        {%- endfor %}
        min(occurred_at) as first_told_at
    from ranked
    where contact_id in (select contact_id from told_at_once)
    group by contact_id

    union all

    select
        contact_id,
        since,
        lead(since, 1, timestamp '9999-12-31') over (partition by contact_id order by since) as until,
        {%- for trait in profile_traits() %}
        max_by({{ trait }}, trust) filter (where {{ trait }} is not null) over so_far as {{ trait }},
        {%- endfor %}
        min(occurred_at) over so_far as first_told_at
    from ranked
    where contact_id not in (select contact_id from told_at_once)
    window so_far as (partition by contact_id order by since range between unbounded preceding and current row)
{%- endmacro %}
