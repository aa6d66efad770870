{#- Columns of decisions.decisions and their types, as its contract has them. The table must exist before the first tick, because
    each tick asks it what earlier ones decided; the model of the same name fills it. -#}
{% macro decision_columns() -%}
    {%- set types = {} -%}
    {%- for column in graph.nodes['model.' ~ project_name ~ '.decisions'].columns.values() -%}
        {%- do types.update({column.name: column.data_type}) -%}
    {%- endfor -%}
    {{ return(types) }}
{%- endmacro %}
