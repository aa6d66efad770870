{#- The columns that name people, strongest first. A row counts for the contact of its strongest identifier, and links
    the others to that one. -#}
{% macro identifier_types() -%}
    {{ return(['user_id', 'email', 'phone', 'anonymous_id']) }}
{%- endmacro %}
