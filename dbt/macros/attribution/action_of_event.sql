{#- The action that a report of a provider speaks of: it says so itself (properties.action_id), or quotes the id of the message
    (properties.email_id), which our own delivery makes from the action. Null for a message that is not ours. -#}
{% macro action_of_event(properties) -%}
    coalesce(
        try_cast({{ properties }} ->> '$.action_id' as bigint),
        try_cast(regexp_extract({{ properties }} ->> '$.email_id', '^<?([0-9]+)[.]hourbell@', 1) as bigint)
    )
{%- endmacro %}
