{#- Proposes a task in the CRM for a colleague, about the contact. `subject`, `body` and `owner` are expressions; `owner` is an
    e-mail address or a name of activations/templates/people.yml, and null leaves the task to whom the CRM gives it.

    due_in_days  after the decision
    crm          its name in activations/templates/crm.yml

        select arrivals.*, {{ create_crm_task("'Call about the cart'", owner='owner', due_in_days=1) }}
-#}
{% macro create_crm_task(subject, body='null', owner='null', due_in_days=0, crm='crm', when='true', expires='3 days') -%}
    {{ act(
        'create_crm_task', ['crm_task'], 'service', when=when, expires=expires,
        details=action_details({
            'crm': text_literal(crm), 'subject': subject, 'body': body, 'owner': owner, 'due_in_days': due_in_days
        })
    ) }}
{%- endmacro %}
