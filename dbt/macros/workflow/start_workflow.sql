{#- Proposes to start another workflow for the contact, or the same one again, in a later tick: an event comes back through landing,
    and the workflow's entries read it with workflow_started(). How often it may go round is said there, by `limit`.

    carry  columns that the other workflow is told

        select arrivals.*, {{ start_workflow('winback', carry=['cart_value']) }}
-#}
{% macro start_workflow(workflow, carry=[], when='true', expires='24 hours') -%}
    {%- do registered_workflow(workflow) -%}
    {{ act(
        'start_workflow', ['profile'], 'service', when=when, expires=expires,
        details=action_details({'workflow': "'" ~ workflow ~ "'"}, carry)
    ) }}
{%- endmacro %}
