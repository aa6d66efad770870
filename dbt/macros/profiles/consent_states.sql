{#- What contacts allow: the latest statement for each channel and topic, the most recent first. Of two that were made at the
    same time the withdrawal counts. One row per contact and time at which something was stated, valid from `since` until
    `until`. `members` is a CTE as in trait_states, the rest are relations. -#}
{% macro consent_states(members, consents, signals) -%}
    with statements as (
        select
            members.contact_id,
            stated.channel,
            stated.topic,
            {{ statement_of('stated.status', 'stated.occurred_at') }} as statement,
            greatest(stated.effective_at, members.member_since) as since
        from {{ consents_stated(consents, signals, ['unsubscribed']) }} as stated
        inner join {{ members }} as members on stated.contact_id = members.member_id
        where stated.effective_at < {{ tick_end() }}
    ),

    -- as most who are new: there is nothing to put in order
    stated_once as (
        select contact_id
        from statements
        group by contact_id
        having count(*) = 1
    ),

    changes as (
        select distinct
            contact_id,
            since
        from statements
        where contact_id not in (select contact_id from stated_once)
    ),

    latest as (
        select
            changes.contact_id,
            changes.since,
            statements.channel,
            statements.topic,
            max(statements.statement) as statement
        from changes
        inner join statements
            on
                changes.contact_id = statements.contact_id
                and changes.since >= statements.since
        group by changes.contact_id, changes.since, statements.channel, statements.topic
    ),

    in_order as (
        select
            *,
            row_number() over (
                partition by contact_id, since
                order by statement.stated_at desc, statement.status desc, channel, topic
            ) as place
        from latest
    )

    select
        contact_id,
        since,
        timestamp '9999-12-31' as until,
        [
            struct_pack(channel := channel, topic := topic, status := statement.status, stated_at := statement.stated_at)
        ] as consents,
        statement.stated_at as last_consent_at
    from statements
    where contact_id in (select contact_id from stated_once)

    union all

    -- lists of a few are sorted by their places: an aggregate with an order of its own begins a sort for each contact
    select
        contact_id,
        since,
        lead(since, 1, timestamp '9999-12-31') over (partition by contact_id order by since) as until,
        [
            placed.told for placed in list_sort(list(struct_pack(
                place := place,
                told := struct_pack(
                    channel := channel,
                    topic := topic,
                    status := statement.status,
                    stated_at := statement.stated_at
                )
            )))
        ] as consents,
        max(statement.stated_at) as last_consent_at
    from in_order
    group by contact_id, since
{%- endmacro %}
