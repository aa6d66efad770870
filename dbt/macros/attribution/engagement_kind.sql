{#- What a message met with, from the name of a provider's report. Mailboxes that fetch every message's images open it too:
    such opens say nothing of the person, and are told apart where the provider knows them (properties.machine_open). -#}
{% macro engagement_kind(event, properties) -%}
    case
        when {{ event }} = 'Email Opened' and coalesce(try_cast({{ properties }} ->> '$.machine_open' as boolean), false)
            then 'opened by machine'
        {%- for kind, events in engagement_events().items() %}
        when {{ event }} in {{ quoted_list(events) }} then '{{ kind }}'
        {%- endfor %}
    end
{%- endmacro %}
