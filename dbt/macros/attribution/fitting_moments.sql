{#- When the models that learn from paths do so: each midnight in the tick, from all that was known before it. -#}
{% macro fitting_moments() -%}
    (
        select unnest(generate_series(
            date_trunc('day', {{ tick_start() }} + interval '1 day' - interval '1 microsecond'),
            {{ tick_end() }} - interval '1 microsecond',
            interval '1 day'
        )) as fitted_at
    )
{%- endmacro %}
