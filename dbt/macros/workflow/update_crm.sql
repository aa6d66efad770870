{#- Proposes to set a property of the contact in the CRM; `value` is an expression, and null clears it.

    field  the property's name there
    crm    its name in activations/templates/crm.yml

        select arrivals.*, {{ update_crm('lifecycle_stage', "'customer'") }}
-#}
{% macro update_crm(field, value, crm='crm', when='true', expires='3 days') -%}
    {{ act(
        'update_crm', ['crm'], 'service', when=when, expires=expires,
        details=action_details({'crm': text_literal(crm), 'field': text_literal(field), 'value': value})
    ) }}
{%- endmacro %}
