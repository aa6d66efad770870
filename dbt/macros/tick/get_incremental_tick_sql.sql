{#- Incremental strategy `tick`: running a window again replaces that window's rows and nothing else.
    The column that says which window a row belongs to is the model's `event_time`. A row stamped `tick_end` carries
    the end of its window, which lies just outside of it. -#}
{% macro get_incremental_tick_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set column = config.get('event_time') -%}
    {%- if not column -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ " is written tick by tick, but has no event_time. Name the column that says when each of its rows"
            ~ " came to be: {{ config(event_time='...') }}."
        ) -%}
    {%- endif %}
    delete from {{ target }}
    where {{ written_by_tick(column) }};

    insert into {{ target }} by name
    select * from {{ arg_dict['temp_relation'] }}
{% endmacro %}
