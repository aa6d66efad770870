{#- Proposes to take a tag off the contact's profile.

        select arrivals.*, {{ remove_tag('sunset') }}
-#}
{% macro remove_tag(tag, when='true') -%}
    {{ act(
        'remove_tag', ['profile'], 'service', when=when, expires='30 days',
        details="json_object('property', 'tag:" ~ tag ~ "', 'value', false)"
    ) }}
{%- endmacro %}
