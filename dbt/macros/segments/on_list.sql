{#- A condition on the profile: the contact is on a list of ours, as join_list put it.

        {{ member(when=on_list('wine club')) }}
-#}
{% macro on_list(list) -%}
    coalesce({{ property('list:' ~ list) }} = 'true', false)
{%- endmacro %}
