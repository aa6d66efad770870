{#- What a contact's own property says, as text, over the columns of a profile; null where nobody said it. Those of an event
    are asked the same way; `of` names another column that holds properties.

        {{ member(when=property('plan') ~ " = 'gold'") }}
-#}
{% macro property(name, of='properties') -%}
    ({{ of }} ->> '$."{{ name }}"')
{%- endmacro %}
