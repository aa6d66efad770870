{#- What the rows of a model are called in Spark's session, where views have no schema. -#}
{% macro spark_view_name(relation) -%}
    {{ relation.schema }}__{{ relation.identifier }}
{%- endmacro %}
