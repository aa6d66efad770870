{#- What else sources said of the contacts, by property: in which period which value was believed. What are traits in
    Segment's spec are no properties. One row per contact, property and time from which it is known. `members` is the CTE of
    contact_profile_versions, the rest relations. -#}
{% macro properties_over_time(members, details, sources) -%}
    with statements as (
        select
            members.contact_id,
            unnest(json_keys(details.properties)) as property,
            details.properties,
            coalesce(sources.priority, 100) as priority,
            details.occurred_at,
            greatest(details.effective_at, members.member_since) as known_at
        from {{ members }} as members
        inner join {{ details }} as details on members.member_id = details.contact_id
        left join {{ sources }} as sources on details.source = sources.source
        where
            details.effective_at < {{ tick_end() }}
            and json_type(details.properties) = 'OBJECT'
    ),

    told as (
        select
            *,
            cast(json_extract(properties, concat('$."', property, '"')) as varchar) as value
        from statements
    )

    select
        contact_id,
        property,
        {{ believed('value') }} over so_far as value,
        known_at as since,
        lead(known_at, 1, timestamp '9999-12-31') over (partition by contact_id, property order by known_at) as until
    from told
    where property not in (
        'user_id', 'email', 'phone', 'name', 'first_name', 'firstName', 'last_name', 'lastName', 'birth_date', 'birthday',
        'country', 'address', 'locale', 'timezone'
    )
    window so_far as (
        partition by contact_id, property
        order by known_at
        range between unbounded preceding and current row
    )
{%- endmacro %}
