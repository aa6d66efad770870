{#- What was decided of promotional messages, beside each midnight of the CTE `midnights` before which it was: from `since` before it on,
    up to `until` before it. A decision belongs to the tick that made it, whose end it is stamped with. -#}
{% macro promotional_decisions(since, until='0 days') -%}
    (
        select
            midnights.as_of,
            decisions.*
        from {{ ref('decisions') }} as decisions
        inner join midnights
            on
                decisions.tick_end > midnights.as_of - interval '{{ since }}'
                and decisions.tick_end <= midnights.as_of - interval '{{ until }}'
        where
            decisions.tick_end > {{ tick_start() }} - interval '{{ since }}'
            and decisions.tick_end <= {{ tick_end() }}
            and decisions.kind = 'send'
            and decisions.topic_kind <> 'transactional'
    )
{%- endmacro %}
