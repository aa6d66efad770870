{#- What the registry (vars.workflows in dbt_project.yml) says of a workflow. -#}
{% macro registered_workflow(name) %}
    {%- set registry = var('workflows') -%}
    {%- if name not in registry -%}
        {%- do exceptions.raise_compiler_error(
            "The workflow " ~ name ~ " is not in the registry, which knows " ~ registry.keys() | sort | join(', ')
            ~ ". Add it under vars.workflows in dbt_project.yml."
        ) -%}
    {%- endif -%}
    {{ return(registry[name]) }}
{% endmacro %}
