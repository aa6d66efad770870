{#- What the first and the last touch of a path have of the credit (vars.position_weights): parts of 1, which leave the middle no
    less than nothing. -#}
{% macro position_weights() %}
    {%- set stated = var('position_weights') -%}
    {%- set told = stated is mapping and stated.first is number and stated.last is number -%}
    {%- if not told or stated.first < 0 or stated.last < 0 or stated.first + stated.last > 1 -%}
        {%- do exceptions.raise_compiler_error(
            "position_weights is " ~ stated ~ ". Say first and last in dbt_project.yml, each from 0 to 1 and together no more than"
            ~ " 1: what they leave is for the touches between them."
        ) -%}
    {%- endif -%}
    {{ return(stated) }}
{% endmacro %}
