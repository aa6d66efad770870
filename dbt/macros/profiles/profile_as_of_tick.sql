{#- The profiles of the contacts of a relation, as they are at the end of the tick: one row per contact, with the columns of
    contact_profile_versions.

        left join {{ profile_as_of_tick('sends') }} as profiles on sends.contact_id = profiles.contact_id
-#}
{% macro profile_as_of_tick(contacts) -%}
    {{ profile_before(contacts, tick_end()) }}
{%- endmacro %}
