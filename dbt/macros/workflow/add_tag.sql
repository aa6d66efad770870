{#- Proposes to put a tag on the contact's profile.

        select arrivals.*, {{ add_tag('sunset') }}
-#}
{% macro add_tag(tag, when='true') -%}
    {{ act(
        'add_tag', ['profile'], 'service', when=when, expires='30 days',
        details="json_object('property', 'tag:" ~ tag ~ "', 'value', true)"
    ) }}
{%- endmacro %}
