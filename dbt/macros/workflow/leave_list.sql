{#- Proposes to take the contact off a list of ours: a property of the profile, as tags are, which segments ask for with
    on_list('wine club'). Who should get no more messages withdraws a consent, not this.

        select arrivals.*, {{ leave_list('wine club') }}
-#}
{% macro leave_list(list, when='true') -%}
    {{ act(
        'leave_list', ['profile'], 'service', when=when, expires='30 days',
        details="json_object('property', 'list:" ~ list ~ "', 'value', false)"
    ) }}
{%- endmacro %}
