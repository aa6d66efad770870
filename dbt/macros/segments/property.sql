{#- What a contact's own property says, as text, over the columns of a profile; null where nobody said it.

        {{ member(when=property('plan') ~ " = 'gold'") }}
-#}
{% macro property(name) -%}
    (properties ->> '$."{{ name }}"')
{%- endmacro %}
