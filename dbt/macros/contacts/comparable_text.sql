{#- Text without what people write now so, now so: accents, capitals, spaces and punctuation. -#}
{% macro comparable_text(expression) -%}
    {{ return(adapter.dispatch('comparable_text', 'hourbell')(expression)) }}
{%- endmacro %}

{% macro default__comparable_text(expression) -%}
    nullif(regexp_replace(lower(strip_accents({{ expression }})), '[^\p{L}\p{N}]', '', 'g'), '')
{%- endmacro %}
