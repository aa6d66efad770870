{#- What the contact of each send had stated last about its channel and topic, as far as it was known before the tick ended; no
    row where nothing was. Worked out from the statements themselves, not from eligibility. `sends` has action_id, contact_id,
    channel, topic and tick_end. -#}
{% macro stated_last(sends) -%}
    (
        select
            asked.action_id,
            -- of two at the same time the withdrawal counts
            {{ last_by('statements.status', '(statements.occurred_at, statements.status)') }} as status
        from {{ sends }} as asked
        left join {{ ref('topics') }} as registered on asked.topic = registered.topic
        inner join {{ known_as(sends) }} as known_as on asked.action_id = known_as.action_id
        inner join
            {{ consents_stated(ref('consent_statements'), ref('contact_signals'), ['unsubscribed', 'erased']) }} as statements
            on
                known_as.contact_id = statements.contact_id
                and asked.tick_end > statements.effective_at
                and statements.channel in (asked.channel, 'all')
                and (asked.topic = statements.topic or (statements.topic = 'all' and registered.kind <> 'transactional'))
        group by asked.action_id
    )
{%- endmacro %}
