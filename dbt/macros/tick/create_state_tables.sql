{#- What the engine remembers between ticks and no model can rebuild. -#}
{% macro create_state_tables() %}
    {%- if execute and flags.WHICH in ['run', 'build', 'test'] -%}
        {%- do run_query("create schema if not exists engine") -%}
        {%- do run_query("create schema if not exists decisions") -%}
        {%- do create_empty_table('engine.windows', {
            'scope': 'varchar not null',
            'tick_start': 'timestamp not null',
            'tick_end': 'timestamp not null',
            'succeeded': 'boolean not null',
        }) -%}
        {%- do create_empty_table('engine.backfilled', {
            'workflow': 'varchar not null',
            'contact_id': 'bigint not null',
            'entry_key': 'varchar',
            'reached_at': 'timestamp not null',
            'occurred_at': 'timestamp not null',
            'carried': 'varchar not null',
            'qualified_at': 'timestamp not null',
        }) -%}
        {%- for name in ['decisions', 'experiment_decisions'] %}
        {%- do create_empty_table('decisions.' ~ name, decision_columns(name)) -%}
        {#- dbt looked at the schemas before this ran -#}
        {%- do adapter.cache_added(
            api.Relation.create(database=target.get('database'), schema='decisions', identifier=name, type='table')
        ) -%}
        {%- endfor %}
    {%- endif -%}
{% endmacro %}
