{#- Proposes to make a colleague the contact's owner in the CRM. `owner` is an expression: an e-mail address that the CRM has a
    colleague with, or a name of activations/templates/people.yml; null leaves the contact to nobody.

    crm  its name in activations/templates/crm.yml

        select arrivals.*, {{ set_crm_owner('owner') }}
-#}
{% macro set_crm_owner(owner, crm='crm', when='true', expires='3 days') -%}
    {{ act(
        'set_crm_owner', ['crm'], 'service', when=when, expires=expires,
        details=action_details({'crm': text_literal(crm), 'owner': owner})
    ) }}
{%- endmacro %}
