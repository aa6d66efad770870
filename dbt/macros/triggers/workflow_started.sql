{#- A trigger: a step of any workflow starts this one, by start_workflow, or somebody does by hand, with an event of the same name.

    carry  what the steps should carry along: names, and SQL over the properties of the event, which are what the starting step
           carried

        with started as (select * from {{ workflow_started(carry={'cart_value': "cast(properties ->> '$.cart_value' as double)"}) }})
        select * from {{ entries('started', reentry='after exit', limit={'times': 3, 'period': '30 days'}) }}
-#}
{% macro workflow_started(carry={}) -%}
    {{ event_happened('Workflow Started', carry=carry, when="(properties ->> '$.workflow') = '" ~ workflow_name() ~ "'") }}
{%- endmacro %}
