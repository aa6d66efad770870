{#- A table that each tick writes anew, in one statement: DuckDB replaces it within the transaction, so that nothing has
    to be renamed out of its way. A table with a contract has constraints, which the usual materialization creates. -#}
{% materialization table, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or existing.is_view or config.get('contract').enforced or model['language'] != 'sql' -%}
        {{ return(dbt.materialization_table_duckdb()) }}
    {%- endif -%}

    {%- call in_one_transaction() -%}
        create or replace table {{ existing }} as ({{ compiled_code }})
    {%- endcall -%}
    {{ return({'relations': [existing]}) }}
{% endmaterialization %}
