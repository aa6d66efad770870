{#- What eligibility_changes calls all channels whose addresses are of a type, where they answer alike. -#}
{% macro every_channel_to(address_type) -%}
    'every channel to the {{ address_type }}'
{%- endmacro %}
