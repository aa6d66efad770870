{#- The step at hand, from the name that its model carries: <workflow>__<step>. -#}
{% macro step_name() %}
    {%- set unique_id = model.tested_node_unique_id or model.unique_id -%}
    {{ return(unique_id.split('.')[2].split('__')[1]) }}
{% endmacro %}
