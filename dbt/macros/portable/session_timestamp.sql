{#- A timestamp that the session holds under a name, so that compiled SQL can be kept and only its window changed. -#}
{% macro session_timestamp(name) -%}
    {{ return(adapter.dispatch('session_timestamp', 'hourbell')(name)) }}
{%- endmacro %}

{% macro default__session_timestamp(name) -%}
    cast(getvariable('{{ name }}') as timestamp)
{%- endmacro %}

{% macro spark__session_timestamp(name) -%}
    cast('${hourbell.{{ name }}}' as timestamp_ntz)
{%- endmacro %}
