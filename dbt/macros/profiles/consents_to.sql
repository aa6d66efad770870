{#- Whether a contact has agreed to a promotional topic on a channel, over the columns of a profile:

        where {{ consents_to('email', 'newsletter') }}
-#}
{% macro consents_to(channel, topic) -%}
    coalesce({{ latest_statement("'" ~ channel ~ "'", "'" ~ topic ~ "'") }} = 'granted' and not has_complained, false)
{%- endmacro %}
