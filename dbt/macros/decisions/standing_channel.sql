{#- The channel on which a contact's standing is asked for an action: one without addresses has none of its own in eligibility, but
    for a topic that is asked for on it alone; whether the contact asked to be forgotten is known on the profile's. -#}
{% macro standing_channel(channel, topic) -%}
    case
        when
            {{ channel }} in (select channel from {{ ref('channels') }} where address_type = 'none')
            and {{ topic }} not in (select topic from {{ ref('topics') }} where channel is not null)
            then 'profile'
        else {{ channel }}
    end
{%- endmacro %}
