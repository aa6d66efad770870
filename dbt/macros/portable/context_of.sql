{#- A step's row as the text of a JSON object, for templates: without the engine's own columns. -#}
{% macro context_of(relation) -%}
    cast(json_merge_patch(
        to_json({{ relation }}),
        '{"action": null, "branch": null, "assignment": null, "holdout_share": null, "step_assignment": null, "definition_version": null, "tick_end": null}'
    ) as varchar)
{%- endmacro %}
