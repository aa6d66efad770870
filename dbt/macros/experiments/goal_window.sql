{#- For how long after somebody was drawn what they reach of a workflow's goals counts: its longest path, whatever becomes of them. -#}
{% macro goal_window(workflow) -%}
    case {{ workflow }}
        {%- for name, settings in var('workflows') | dictsort %}
        when '{{ name }}' then interval '{{ settings.longest_path }}'
        {%- endfor %}
        else interval '{{ var("longest_stay") }}'
    end
{%- endmacro %}
