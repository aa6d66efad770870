{#- What the contacts allow at each moment: the latest statement for each channel and topic, the most recent first. Of two
    that were made at the same time the withdrawal counts. One row per contact and moment.
    `moments` and `members` are CTEs of contact_profile_versions, the rest relations. -#}
{% macro consent_states(moments, members, consents, signals) -%}
    with statements as (
        select
            contact_id,
            channel,
            topic,
            struct_pack(stated_at := occurred_at, status := status) as statement,
            effective_at
        from {{ consents }}
        where effective_at < {{ tick_end() }}

        union all

        select
            contact_id,
            'email' as channel,
            'all' as topic,
            struct_pack(stated_at := occurred_at, status := 'withdrawn') as statement,
            effective_at
        from {{ signals }}
        where
            effective_at < {{ tick_end() }}
            and signal = 'unsubscribed'
    ),

    latest as (
        select
            moments.contact_id,
            moments.moment,
            statements.channel,
            statements.topic,
            max(statements.statement) as statement
        from {{ moments }} as moments
        inner join {{ members }} as members on moments.contact_id = members.contact_id
        inner join statements
            on
                members.member_id = statements.contact_id
                and moments.moment >= greatest(statements.effective_at, members.member_since)
        group by moments.contact_id, moments.moment, statements.channel, statements.topic
    )

    select
        contact_id,
        moment,
        list(
            struct_pack(
                channel := channel,
                topic := topic,
                status := statement.status,
                stated_at := statement.stated_at
            )
            order by statement.stated_at desc, statement.status desc, channel, topic
        ) as consents,
        max(statement.stated_at) as last_consent_at
    from latest
    group by contact_id, moment
{%- endmacro %}
