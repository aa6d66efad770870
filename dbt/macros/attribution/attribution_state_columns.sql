{#- The columns of touchpoints by which the models that learn from paths tell touches apart (vars.attribution_state). -#}
{% macro attribution_state_columns() %}
    {%- set columns = var('attribution_state') -%}
    {%- set known = ['channel', 'campaign', 'source', 'workflow', 'step', 'variant', 'kind'] -%}
    {%- if columns is string or columns is not sequence or not columns or columns | reject('in', known) | list -%}
        {%- do exceptions.raise_compiler_error(
            "attribution_state is " ~ columns ~ ". List columns of touchpoints in dbt_project.yml: " ~ known | join(', ') ~ "."
        ) -%}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}
