{#- A trigger: somebody does something, on the site, in a till, in a CRM: any event by its name.

    name   the name of the event
    key    the property that tells one reason to enter from another (a cart, a ticket); of none, each event is one of its own
    when   a condition over the columns of the event
    carry  what the steps should carry along: names, and SQL over the columns of the event

        with answered as (select * from {{ event_happened('Survey Answered', carry={'score': "properties ->> '$.score'"}) }})
        select * from {{ entries('answered', reentry='after 90 days') }}
-#}
{% macro event_happened(name, key=none, carry={}, when=none) -%}
    (
        select
            contact_id,
            {{ "properties ->> '$." ~ key ~ "'" if key else 'message_id' }} as entry_key,
            effective_at as reached_at,
            {%- for column, expression in carry.items() %}
            {{ expression }} as {{ column }},
            {%- endfor %}
            occurred_at
        from {{ ref('events') }}
        where
            {{ in_tick('effective_at') }}
            and event = '{{ name }}'
            {%- if when %}
            and ({{ when }})
            {%- endif %}
    )
{%- endmacro %}
