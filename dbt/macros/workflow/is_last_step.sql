{#- Whether a step is the last that its workflow's registry lists. -#}
{% macro is_last_step(workflow, step) -%}
    (
        {%- for name, settings in var('workflows') | dictsort %}
        ({{ workflow }} = '{{ name }}' and {{ step }} = '{{ settings.steps[-1] }}')
        {{- ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
