{#- Take away the rows of a table for which a condition holds; null counts as not. -#}
{% macro delete_rows(table, condition) -%}
    {{ return(adapter.dispatch('delete_rows', 'hourbell')(table, condition)) }}
{%- endmacro %}

{% macro default__delete_rows(table, condition) -%}
    {%- do run_query("delete from " ~ table ~ " where " ~ condition) -%}
{%- endmacro %}

{#- Parquet knows no deletion, and a table cannot be read while it is written: for small tables only. -#}
{% macro spark__delete_rows(table, condition) -%}
    {%- set kept = table ~ '__kept' -%}
    {%- do run_query("drop table if exists " ~ kept) -%}
    {%- do run_query(
        "create table " ~ kept ~ " using parquet as "
        ~ as_written("select * from " ~ table ~ " where not coalesce(" ~ condition ~ ", false)")
    ) -%}
    {%- do run_query("insert overwrite table " ~ table ~ " select * from " ~ kept) -%}
    {%- do run_query("drop table " ~ kept) -%}
{%- endmacro %}
