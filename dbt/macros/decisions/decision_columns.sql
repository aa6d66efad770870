{#- Columns of a table of decisions and their types, as its contract has them. The table must exist before the first tick, because
    each tick asks it what earlier ones decided; the model of the same name fills it. -#}
{% macro decision_columns(name='decisions') -%}
    {%- set types = {} -%}
    {%- for column in graph.nodes['model.' ~ project_name ~ '.' ~ name].columns.values() -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {{ return(types) }}
{%- endmacro %}
