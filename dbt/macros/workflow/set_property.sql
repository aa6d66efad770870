{#- Proposes to write a property on the contact's profile; `value` is an expression. It comes back through landing.

        select arrivals.*, {{ set_property('loyalty_tier', "'gold'") }}
-#}
{% macro set_property(name, value, when='true') -%}
    {{ act(
        'set_property', ['profile'], 'service', when=when, expires='30 days',
        details="json_object('property', '" ~ name ~ "', 'value', " ~ value ~ ")"
    ) }}
{%- endmacro %}
