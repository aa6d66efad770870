{#- Proposes to put the contact into an audience of an ad platform, known there by hashes of the e-mail address and the telephone
    number. Whoever has not agreed to the topic `advertising` on the channel `audience` is stopped at the gate, and so is the global
    holdout: an ad is marketing as much as a message.

    audience  its name in activations/templates/audiences.yml

        select arrivals.*, {{ join_audience('lapsed_buyers') }}
-#}
{% macro join_audience(audience, when='true', expires='3 days') -%}
    {{ act(
        'join_audience', ['audience'], 'advertising', when=when, expires=expires,
        details=action_details({'audience': text_literal(audience)})
    ) }}
{%- endmacro %}
