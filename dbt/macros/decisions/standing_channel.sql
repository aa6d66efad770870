{#- The channel on which a contact's standing is asked for an action: one without addresses has none of its own in eligibility, and
    whether the contact asked to be forgotten is known on the profile's. -#}
{% macro standing_channel(channel) -%}
    case
        when {{ channel }} in (select channel from {{ ref('channels') }} where address_type = 'none') then 'profile'
        else {{ channel }}
    end
{%- endmacro %}
