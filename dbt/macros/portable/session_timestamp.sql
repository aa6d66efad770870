{#- A timestamp that the session holds under a name, so that compiled SQL can be kept and only its window changed. -#}
{% macro session_timestamp(name) -%}
    {{ return(adapter.dispatch('session_timestamp', 'hourbell')(name)) }}
{%- endmacro %}

{% macro default__session_timestamp(name) -%}
    cast(getvariable('{{ name }}') as timestamp)
{%- endmacro %}

{#- Spark holds none: each tick is a run of dbt, which gives its window. -#}
{% macro spark__session_timestamp(name) -%}
    cast(null as timestamp)
{%- endmacro %}
