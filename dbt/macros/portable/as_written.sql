{#- A question in the SQL that models are written in, within a statement of the target's own. On Spark the session says it as Spark
    does; what lies between these two marks it knows to be such a question. -#}
{% macro as_written(sql) -%}
    {{ return(adapter.dispatch('as_written', 'hourbell')(sql)) }}
{%- endmacro %}

{% macro default__as_written(sql) -%}
    {{ sql }}
{%- endmacro %}

{% macro spark__as_written(sql) -%}
    /* as written: */ {{ sql }} /* end */
{%- endmacro %}
