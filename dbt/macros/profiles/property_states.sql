{#- What else sources said of contacts: of each property what the most trusted source said last. What are traits in Segment's
    spec are no properties. One row per contact and time at which a property changed, valid from `since` until `until`.
    `members` is a CTE as in trait_states, the rest are relations. -#}
{% macro property_states(members, details, sources) -%}
    with statements as (
        select
            members.contact_id,
            unnest(json_keys(details.properties)) as property,
            details.properties,
            coalesce(sources.priority, 100) as priority,
            details.occurred_at,
            greatest(details.effective_at, members.member_since) as since
        from {{ details }} as details
        inner join {{ members }} as members on details.contact_id = members.member_id
        left join {{ sources }} as sources on details.source = sources.source
        where
            details.effective_at < {{ tick_end() }}
            and json_type(details.properties) = 'OBJECT'
    ),

    told as (
        select
            contact_id,
            property,
            cast(json_extract(properties, concat('$."', property, '"')) as varchar) as value,
            priority,
            occurred_at,
            since
        from statements
        where property not in (
            'user_id', 'email', 'phone', 'name', 'first_name', 'firstName', 'last_name', 'lastName', 'birth_date', 'birthday',
            'country', 'address', 'locale', 'timezone'
        )
    ),

    ranked as (
        select
            *,
            row_number() over (partition by contact_id, property order by priority desc, occurred_at, since, value) as trust
        from told
    ),

    believed as (
        select
            contact_id,
            property,
            max_by(value, trust) over (
                partition by contact_id, property
                order by since
                range between unbounded preceding and current row
            ) as value,
            since,
            lead(since, 1, timestamp '9999-12-31') over (partition by contact_id, property order by since) as until
        from ranked
    ),

    changes as (
        select distinct
            contact_id,
            since
        from believed
    )

    select
        changes.contact_id,
        changes.since,
        lead(changes.since, 1, timestamp '9999-12-31') over (partition by changes.contact_id order by changes.since) as until,
        case
            when count(believed.value) > 0
                then to_json(map(
                    list(believed.property order by believed.property),
                    list(cast(believed.value as json) order by believed.property)
                ))
        end as properties
    from changes
    left join believed
        on
            changes.contact_id = believed.contact_id
            and changes.since >= believed.since
            and changes.since < believed.until
            and believed.value <> 'null'
    group by changes.contact_id, changes.since
{%- endmacro %}
