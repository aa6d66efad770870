{#- A step's row as the text of a JSON object, for templates: without the engine's own columns. -#}
{% macro context_of(relation) -%}
    cast(to_json(struct_pack(*{{ columns_except(relation, [
        'action', 'branch', 'assignment', 'holdout_share', 'step_assignment', 'definition_version', 'tick_end'
    ]) }})) as varchar)
{%- endmacro %}
