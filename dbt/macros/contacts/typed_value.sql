{#- Of the columns <type>_value of a row, the one of the type that another column names. -#}
{% macro typed_value(type_column, types) -%}
    case {{ type_column }}
        {%- for type in types %}
        when '{{ type }}' then {{ type }}_value
        {%- endfor %}
    end
{%- endmacro %}
