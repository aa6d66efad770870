{#- A view in one statement, where the usual materialization creates, renames twice and drops. -#}
{% materialization view, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or not existing.is_view -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}

    {%- call in_one_transaction() -%}
        create or replace view {{ existing }} as ({{ compiled_code }})
    {%- endcall -%}
    {{ return({'relations': [existing]}) }}
{% endmaterialization %}
