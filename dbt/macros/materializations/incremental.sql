{#- A model that is written tick by tick: the tick's rows are worked out, and take the place of those that the same window
    wrote before. The usual incremental materialization looks up columns and types of two tables for it, each time and
    for each model, which took longer than the models themselves. Everything that is not one more tick is left to it. -#}
{% materialization incremental, adapter='duckdb' %}
    {%- set existing = load_cached_relation(this) -%}
    {%- if config.get('incremental_strategy') != 'tick' or existing is none or existing.is_view or should_full_refresh() -%}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {%- endif -%}

    {%- call in_one_transaction() -%}
        {%- set rows = api.Relation.create(identifier=this.identifier ~ '__tick', type='table') -%}
        {%- set new_columns = run_query(
            "create or replace temporary table " ~ rows ~ " as (" ~ compiled_code ~ ");"
            ~ " select column_name from (describe " ~ rows ~ ")"
            ~ " except select column_name from (describe " ~ existing ~ ")"
        ) -%}
        {%- if new_columns.rows -%}
            {%- do process_schema_changes(config.get('on_schema_change'), rows, existing) -%}
        {%- endif -%}
        {{ get_incremental_tick_sql({'target_relation': existing, 'temp_relation': rows}) }};
        drop table {{ rows }}
    {%- endcall -%}
    {{ return({'relations': [existing]}) }}
{% endmaterialization %}
