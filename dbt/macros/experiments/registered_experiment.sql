{#- What the registry (vars.experiments in dbt_project.yml) says of an experiment, with what it leaves unsaid. -#}
{% macro registered_experiment(name) %}
    {%- set registry = var('experiments') -%}
    {%- if name not in registry -%}
        {%- do exceptions.raise_compiler_error(
            "The experiment " ~ name ~ " is not in the registry. Add it under vars.experiments in dbt_project.yml."
        ) -%}
    {%- endif -%}
    {%- set settings = {'metric': 'converted', 'within': '3 days', 'minimum_sample': 500, 'longest': '90 days', 'currency': none} -%}
    {%- do settings.update(registry[name]) -%}
    {%- if settings.metric not in ['converted', 'clicked', 'revenue'] -%}
        {%- do exceptions.raise_compiler_error(
            "The experiment " ~ name ~ " has the metric " ~ settings.metric ~ ". Say converted, clicked or revenue."
        ) -%}
    {%- endif -%}
    {%- if settings.metric == 'revenue' and not modules.re.fullmatch('[A-Z]{3}', settings.currency | default('', true) | string) -%}
        {%- do exceptions.raise_compiler_error(
            "The experiment " ~ name ~ " is judged by revenue. Say in which one currency, as in currency: GBP; what is paid in another"
            ~ " does not count, since nothing is converted."
        ) -%}
    {%- endif -%}
    {%- if not settings.variants or settings.variants | length < 2 or settings.variants.values() | min <= 0 -%}
        {%- do exceptions.raise_compiler_error(
            "The experiment " ~ name ~ " needs two variants or more, each with a weight above 0."
        ) -%}
    {%- endif -%}
    {{ return(settings) }}
{% endmacro %}
