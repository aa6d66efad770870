{#- Proposes to take the contact out of an audience of an ad platform, known there by hashes of the e-mail address and the telephone
    number. No consent is asked for: who leaves is only shown less.

    audience  its name in activations/templates/audiences.yml

        select arrivals.*, {{ leave_audience('lapsed_buyers') }}
-#}
{% macro leave_audience(audience, when='true', expires='3 days') -%}
    {{ act(
        'leave_audience', ['audience'], 'service', when=when, expires=expires,
        details=action_details({'audience': text_literal(audience)})
    ) }}
{%- endmacro %}
