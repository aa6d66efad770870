{#- Proposes to put the contact on a list of ours: a property of the profile, as tags are, which segments ask for with
    on_list('wine club'). It is no consent.

        select arrivals.*, {{ join_list('wine club') }}
-#}
{% macro join_list(list, when='true') -%}
    {{ act(
        'join_list', ['profile'], 'service', when=when, expires='30 days',
        details="json_object('property', 'list:" ~ list ~ "', 'value', true)"
    ) }}
{%- endmacro %}
