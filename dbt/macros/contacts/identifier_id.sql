{#- The id of an identifier: a hash of its type and value, the same on every machine and day. Null without a type. -#}
{% macro identifier_id(type, value) -%}
    case when {{ type }} is not null then {{ stable_hash([type, value]) }} end
{%- endmacro %}
