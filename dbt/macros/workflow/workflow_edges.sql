{#- Which step of a workflow leads to which, as the refs between their models have it: a list of {workflow, from_step, to_step}. -#}
{% macro workflow_edges() %}
    {%- set names = {} -%}
    {%- for step in all_steps() -%}
        {%- do names.update({step.name: step}) -%}
    {%- endfor -%}
    {%- set edges = [] -%}
    {#- a unit test renders a model without the others -#}
    {%- for node in (graph.nodes or {}).values() if node.resource_type == 'model' and node.name in names -%}
        {%- set to = names[node.name] -%}
        {%- for parent in node.depends_on.nodes | unique -%}
            {%- set from = names.get(parent.split('.')[-1]) -%}
            {%- if from and from.workflow == to.workflow and from.step != to.step -%}
                {%- do edges.append({'workflow': to.workflow, 'from_step': from.step, 'to_step': to.step}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(edges | sort(attribute='workflow,from_step,to_step')) }}
{% endmacro %}
