{#- The frequency caps that allow a number at all: an empty max_sends is no cap. What names no channel or topic counts all. -#}
{% macro caps_in_force() -%}
    (
        select
            rule,
            coalesce(channel, 'all') as channel,
            coalesce(topic, 'all') as topic,
            max_sends,
            period_hours
        from {{ ref('frequency_caps') }}
        where max_sends is not null
    )
{%- endmacro %}
