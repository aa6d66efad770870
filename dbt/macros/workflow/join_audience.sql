{#- Proposes to put the contact into an audience of an ad platform, known there by hashes of the e-mail address and the telephone
    number. No consent to messages is asked for: say with `when` who has agreed to be shown ads.

    audience  its name in activations/templates/audiences.yml

        select arrivals.*, {{ join_audience('lapsed_buyers') }}
-#}
{% macro join_audience(audience, when='true', expires='3 days') -%}
    {{ act(
        'join_audience', ['audience'], 'service', when=when, expires=expires,
        details=action_details({'audience': text_literal(audience)})
    ) }}
{%- endmacro %}
