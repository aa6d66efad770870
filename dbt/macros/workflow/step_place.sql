{#- A step's place in its workflow, as the registry lists them. -#}
{% macro step_place(workflow, step) -%}
    case
        {%- for known in all_steps() %}
        when {{ workflow }} = '{{ known.workflow }}' and {{ step }} = '{{ known.step }}' then {{ known.place }}
        {%- endfor %}
    end
{%- endmacro %}
