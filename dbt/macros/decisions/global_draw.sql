{#- The number in [0, 1) by which a contact is drawn for the global holdout; model global_assignments keeps what came of it. -#}
{% macro global_draw(contact) -%}
    {{ salted_share(["'global holdout'", contact]) }}
{%- endmacro %}
