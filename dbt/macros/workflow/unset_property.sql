{#- Proposes to take a property off the contact's profile; what a source that is trusted more says of it (seed trait_sources) stays.
    Who a contact is (a name, a country) is no property: that is what the sources said last, and it cannot be unset.

        select arrivals.*, {{ unset_property('loyalty_tier') }}
-#}
{% macro unset_property(name, when='true') -%}
    {%- if name in profile_traits() -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": " ~ name ~ " is no property that could be unset; it is what the sources say of who a contact is."
        ) -%}
    {%- endif -%}
    {{ act(
        'unset_property', ['profile'], 'service', when=when, expires='30 days',
        details="json_object('property', '" ~ name ~ "', 'value', null)"
    ) }}
{%- endmacro %}
