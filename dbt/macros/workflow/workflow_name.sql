{#- The workflow of the step at hand, from the name that its model carries: <workflow>__<step>. While a unit test renders a
    step, the model at hand is the test. -#}
{% macro workflow_name() %}
    {%- set unique_id = model.tested_node_unique_id or model.unique_id -%}
    {{ return(unique_id.split('.')[2].split('__')[0]) }}
{% endmacro %}
