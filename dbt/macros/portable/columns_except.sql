{#- All columns of a relation but some, whether it has those or not. -#}
{% macro columns_except(relation, names) -%}
    {{ return(adapter.dispatch('columns_except', 'hourbell')(relation, names)) }}
{%- endmacro %}

{% macro default__columns_except(relation, names) -%}
    columns(name -> name not in ('{{ names | join("', '") }}'))
{%- endmacro %}
