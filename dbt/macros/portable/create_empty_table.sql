{#- A table without rows, if it is not there; columns are told as in `create table`, by name and type. -#}
{% macro create_empty_table(table, columns) -%}
    {{ return(adapter.dispatch('create_empty_table', 'hourbell')(table, columns)) }}
{%- endmacro %}

{% macro default__create_empty_table(table, columns) -%}
    {%- set told = [] -%}
    {%- for name, type in columns.items() -%}
        {%- do told.append(name ~ ' ' ~ type) -%}
    {%- endfor -%}
    {%- do run_query("create table if not exists " ~ table ~ " (" ~ told | join(', ') ~ ")") -%}
{%- endmacro %}

{% macro spark__create_empty_table(table, columns) -%}
    {%- set told = [] -%}
    {%- for name, type in columns.items() -%}
        {%- do told.append('cast(null as ' ~ type.replace(' not null', '') ~ ') as ' ~ name) -%}
    {%- endfor -%}
    {%- do run_query(
        "create table if not exists " ~ table ~ " using parquet"
        ~ (" partitioned by (tick_end)" if table.split('.')[0] == 'decisions' else '')
        ~ " as " ~ as_written("select " ~ told | join(', ') ~ " where false")
    ) -%}
{%- endmacro %}
