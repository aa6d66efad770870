{#- Proposes to put the contact on a list in the CRM: a list of HubSpot's that is kept by hand, a campaign of Salesforce's.

    list  its name under `lists` in activations/templates/crm.yml
    crm   the CRM's name there

        select arrivals.*, {{ join_crm_list('wine_club') }}
-#}
{% macro join_crm_list(list, crm='crm', when='true', expires='3 days') -%}
    {{ act(
        'join_crm_list', ['crm'], 'service', when=when, expires=expires,
        details=action_details({'crm': text_literal(crm), 'list': text_literal(list)})
    ) }}
{%- endmacro %}
