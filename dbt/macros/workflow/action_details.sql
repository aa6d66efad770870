{#- The details of an action, as JSON: values by name, each an expression, and columns that the step carries. -#}
{% macro action_details(values={}, carry=[]) -%}
    {%- set told = [] -%}
    {%- for name, expression in values.items() -%}
        {%- do told.append("'" ~ name ~ "', " ~ expression) -%}
    {%- endfor -%}
    {%- for column in carry -%}
        {%- do told.append("'" ~ column ~ "', " ~ column) -%}
    {%- endfor -%}
    json_object({{ told | join(', ') }})
{%- endmacro %}
