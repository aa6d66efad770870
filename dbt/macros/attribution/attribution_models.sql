{#- The registered models of attribution (vars.attribution_models), the one first by which money is counted. -#}
{% macro attribution_models() %}
    {%- set models = var('attribution_models') -%}
    {%- if models is not sequence or models is string or not models or models | unique | list | length < models | length -%}
        {%- do exceptions.raise_compiler_error(
            "attribution_models is " ~ models ~ ". List models of attribution in dbt_project.yml, each once, and first the one by"
            ~ " which money is counted."
        ) -%}
    {%- endif -%}
    {{ return(models) }}
{% endmacro %}
