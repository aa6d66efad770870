{#- Proposes to write to a colleague about the contact, by e-mail, Slack or Teams: no message to the contact, so that it needs no
    consent, and no cap or quiet hour holds it. It goes out once.

    person   their name in activations/templates/people.yml
    text     what it says, in Liquid over the fields of the contact and the context
    subject  the same, on one line
    carry    columns that the text knows as the context
    channel  email, slack or teams: where people.yml says that they read

        select arrivals.*, {{ notify('sales', '{{ contact.email }} left a cart worth {{ context.cart_value }}', carry=['cart_value']) }}
-#}
{% macro notify(person, text, subject='Somebody to look after', carry=[], when='true', expires='3 days', channel='email') -%}
    {{ act(
        'notify', [channel], 'service', when=when, expires=expires,
        details=action_details({
            'person': text_literal(person),
            'subject': text_literal(subject),
            'text': text_literal(text),
            'context': action_details({}, carry),
        })
    ) }}
{%- endmacro %}
