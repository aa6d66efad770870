{#- A period among the variables of dbt_project.yml as SQL has it: a whole number above zero and its unit.

        {{ stated_period('attribution_window') }}
-#}
{% macro stated_period(name) -%}
    {%- set period = var(name) | string -%}
    {%- if not modules.re.fullmatch('0*[1-9][0-9]* (second|minute|hour|day|week|month)s?', period) -%}
        {%- do exceptions.raise_compiler_error(
            name ~ " is " ~ period ~ ". Say a number above zero and its unit in dbt_project.yml, as in 7 days."
        ) -%}
    {%- endif -%}
    interval '{{ period }}'
{%- endmacro %}
