{#- Frequency caps, counted plainly: sends at which a person had more than a cap allows in the time up to it, itself included.
    Both relations have action_id, contact_id, channel, topic and send_after, `sends` also tick_end; `had` holds all that counts,
    `sends` those that are asked about. -#}
{% macro broken_caps(sends, had) -%}
    (
        select
            sends.action_id,
            sends.contact_id,
            sends.send_after,
            caps.rule,
            count(*) as messages
        from {{ sends }} as sends
        inner join {{ ref('frequency_caps') }} as caps
            on
                (caps.channel = 'all' or sends.channel = caps.channel)
                and (caps.topic = 'all' or sends.topic = caps.topic)
        inner join {{ known_as(sends) }} as known_as on sends.action_id = known_as.action_id
        inner join {{ had }} as had
            on
                known_as.contact_id = had.contact_id
                and (caps.channel = 'all' or caps.channel = had.channel)
                and (caps.topic = 'all' or caps.topic = had.topic)
                and sends.send_after >= had.send_after
                and sends.send_after < had.send_after + to_hours(caps.period_hours)
        where caps.max_sends is not null
        group by sends.action_id, sends.contact_id, sends.send_after, caps.rule, caps.max_sends
        having count(*) > caps.max_sends
    )
{%- endmacro %}
