{#- Proposes to take the contact off a list in the CRM: a list of HubSpot's that is kept by hand, a campaign of Salesforce's.

    list  its name under `lists` in activations/templates/crm.yml
    crm   the CRM's name there

        select arrivals.*, {{ leave_crm_list('wine_club') }}
-#}
{% macro leave_crm_list(list, crm='crm', when='true', expires='3 days') -%}
    {{ act(
        'leave_crm_list', ['crm'], 'service', when=when, expires=expires,
        details=action_details({'crm': text_literal(crm), 'list': text_literal(list)})
    ) }}
{%- endmacro %}
