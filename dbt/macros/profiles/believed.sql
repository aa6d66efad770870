{#- Aggregate: of a trait what the most trusted source said last. Lower priorities are believed first. -#}
{% macro believed(trait) -%}
    max_by({{ trait }}, row(-priority, occurred_at, known_at, {{ trait }})) filter (where {{ trait }} is not null)
{%- endmacro %}
