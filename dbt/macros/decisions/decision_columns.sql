{#- Columns of decisions.decisions, as its contract has them. The table must exist before the first tick, because each tick asks
    it what earlier ones decided; the model of the same name fills it. -#}
{% macro decision_columns() -%}
    {%- for column in graph.nodes['model.' ~ project_name ~ '.decisions'].columns.values() -%}
        {{ column.name }} {{ column.data_type }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
