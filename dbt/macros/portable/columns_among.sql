{#- Of some columns, those that a relation has. -#}
{% macro columns_among(relation, names) -%}
    {{ return(adapter.dispatch('columns_among', 'hourbell')(relation, names)) }}
{%- endmacro %}

{% macro default__columns_among(relation, names) -%}
    columns(name -> name in ('{{ names | join("', '") }}'))
{%- endmacro %}
