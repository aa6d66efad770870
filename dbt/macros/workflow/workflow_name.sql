{#- The workflow that a step belongs to, from the name that its model carries: <workflow>__<step>. Without an argument, the
    workflow of the model at hand. -#}
{% macro workflow_name(relation=none) %}
    {%- set name = (relation or this).identifier | replace('__dbt__cte__', '') -%}
    {{ return(name.split('__')[0]) }}
{% endmacro %}
