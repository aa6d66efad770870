{#- A whole number among the variables of dbt_project.yml that may not be less than `least`. -#}
{% macro counted_number(name, least) -%}
    {%- set stated = var(name) -%}
    {%- if stated is not integer or stated is boolean or stated < least -%}
        {%- do exceptions.raise_compiler_error(
            name ~ " is " ~ stated ~ ". Say a whole number from " ~ least ~ " on in dbt_project.yml."
        ) -%}
    {%- endif -%}
    {{ return(stated) }}
{%- endmacro %}
