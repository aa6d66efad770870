{#- A positive bigint out of any expressions: the same on every engine, machine and day. -#}
{% macro stable_hash(expressions) -%}
    {{ return(adapter.dispatch('stable_hash', 'hourbell')(expressions)) }}
{%- endmacro %}

{% macro default__stable_hash(expressions) -%}
    cast('0x' || left(md5(concat_ws('|', {{ expressions | join(', ') }})), 15) as bigint)
{%- endmacro %}

{% macro spark__stable_hash(expressions) -%}
    cast(conv(left(md5(concat_ws('|', {{ expressions | join(', ') }})), 15), 16, 10) as bigint)
{%- endmacro %}
