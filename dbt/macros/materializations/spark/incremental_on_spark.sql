{#- A model that is written tick by tick, on Spark: a tick is a partition, which is taken away and written again. A table that
    does not say itself which tick wrote a row gets a column for it. -#}
{% materialization incremental, adapter='spark' %}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('rows') -%}
        create or replace temporary view {{ spark_view_name(this) }} as {{ as_written(compiled_code) }}
    {%- endcall -%}
    {%- set columns = run_query("describe " ~ spark_view_name(this)).columns['col_name'].values() -%}
    {%- set rows -%}
        select
            * {{- ", " ~ tick_end() ~ " as tick_end" if 'tick_end' not in columns }}
        from {{ spark_view_name(this) }}
    {%- endset -%}
    {%- if existing is none -%}
        {%- call statement('main') -%}
            create table {{ this }} using parquet partitioned by (tick_end) as {{ rows }}
        {%- endcall -%}
    {%- else -%}
        {%- for partition in run_query("show partitions " ~ existing).columns['partition'].values() -%}
            {%- set ended = partition.partition('=')[2].replace('%3A', ':') -%}
            {%- if invocation_args_dict['event_time_start'] | string < ended <= invocation_args_dict['event_time_end'] | string -%}
                {%- do run_query("alter table " ~ existing ~ " drop partition (tick_end = timestamp '" ~ ended ~ "')") -%}
            {%- endif -%}
        {%- endfor -%}
        {%- call statement('main') -%}
            insert into {{ existing }} by name {{ rows }}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this]}) }}
{% endmaterialization %}
