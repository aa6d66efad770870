{#- The registry's steps, as a list of {workflow, step, name} in a fixed order. -#}
{% macro all_steps() %}
    {%- set steps = [] -%}
    {%- for workflow, settings in var('workflows') | dictsort -%}
        {%- for step in settings.steps -%}
            {%- do steps.append({'workflow': workflow, 'step': step, 'name': workflow ~ '__' ~ step, 'place': loop.index}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(steps) }}
{% endmacro %}
