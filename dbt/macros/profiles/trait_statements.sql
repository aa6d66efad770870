{#- Who the contacts are, as sources said it: what does not hold water is left out. What is only known from an order or a
    consent is believed last. One row per statement, with the time from which it counts for the contact.
    `members` is the CTE of contact_profile_versions, the rest relations. -#}
{% macro trait_statements(members, details, consents, orders, sources, timezones) -%}
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
            greatest(details.effective_at, members.member_since) as known_at
        from {{ members }} as members
        inner join {{ details }} as details on members.member_id = details.contact_id
        where details.effective_at < {{ tick_end() }}

        union all by name

        select
            members.contact_id,
            'consent' as source,
            consents.email,
            consents.phone,
            consents.occurred_at,
            greatest(consents.effective_at, members.member_since) as known_at
        from {{ members }} as members
        inner join {{ consents }} as consents on members.member_id = consents.contact_id
        where consents.effective_at < {{ tick_end() }}

        union all by name

        select
            members.contact_id,
            'order' as source,
            orders.country,
            orders.occurred_at,
            greatest(orders.effective_at, members.member_since) as known_at
        from {{ members }} as members
        inner join {{ orders }} as orders on members.member_id = orders.contact_id
        where orders.effective_at < {{ tick_end() }}
    )

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
        statements.known_at
    from statements
    left join {{ sources }} as sources on statements.source = sources.source
    left join {{ timezones }} as timezones on lower(statements.timezone) = lower(timezones.timezone)
{%- endmacro %}
