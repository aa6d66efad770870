{#- A statement of consent as a value that can be compared: the later is greater, and of two at the same time the withdrawal. -#}
{% macro statement_of(status, stated_at) -%}
    struct_pack(stated_at := {{ stated_at }}, status := {{ status }})
{%- endmacro %}
