{#- What a row of `earlier` is worth at the time of a row of `latest`: half as much with each half-life. -#}
{% macro decayed_points() -%}
    earlier.weight * pow(0.5, epoch(latest.effective_at - earlier.occurred_at) / (earlier.half_life_days * 86400))
{%- endmacro %}
