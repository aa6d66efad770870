{#- A table that each tick writes anew, on Spark. -#}
{% materialization table, adapter='spark' %}
    {{ run_hooks(pre_hooks) }}
    {%- if load_cached_relation(this) is none -%}
        {%- call statement('main') -%}
            create table {{ this }} using parquet as {{ as_written(compiled_code) }}
        {%- endcall -%}
    {%- else -%}
        {%- call statement('rows') -%}
            create or replace temporary view {{ spark_view_name(this) }} as {{ as_written(compiled_code) }}
        {%- endcall -%}
        {%- call statement('main') -%}
            insert overwrite table {{ this }} by name select * from {{ spark_view_name(this) }}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this]}) }}
{% endmaterialization %}
