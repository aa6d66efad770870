{#- Proposes to let the contact leave another workflow, from the next tick on: an event comes back through landing, and the
    workflow's exits read it with stopped().

        select arrivals.*, {{ stop_workflow('abandoned_cart') }}
-#}
{% macro stop_workflow(workflow, when='true', expires='24 hours') -%}
    {%- do registered_workflow(workflow) -%}
    {{ act(
        'stop_workflow', ['profile'], 'service', when=when, expires=expires,
        details="json_object('workflow', '" ~ workflow ~ "')"
    ) }}
{%- endmacro %}
