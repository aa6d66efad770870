{#- Proposes to call an endpoint of webhooks.yml about the contact, for a machine to do something: no message, so that it needs no
    consent, and no cap or quiet hour holds it. What is a message to the contact goes by send(channels=['webhook']).

    endpoint  its name in activations/templates/webhooks.yml
    carry     columns that it is told as the context, or that its webhook.yml may name; of none named, everything that
              the step carries

        select arrivals.*, {{ call_webhook('order_desk', carry=['cart_value']) }}
-#}
{% macro call_webhook(endpoint, carry=none, when='true', expires='24 hours') -%}
    {{ act(
        'call_webhook', ['webhook'], 'service', when=when, expires=expires, template=endpoint,
        details='null' if carry is none else action_details({}, carry)
    ) }}
{%- endmacro %}
